package io.sluice.training;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.Rows;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** A training run of PyTorch's that {@code src/test/python/loss_curve.py} wrote. */
final class LossCurve {
  private static final int AVERAGED_STEPS = 50;

  private final Safetensors file;
  private final JsonNode settings;

  private LossCurve(Safetensors file, JsonNode settings) {
    this.file = file;
    this.settings = settings;
  }

  /**
   * Two runs from one start.
   *
   * @param steps steps of each
   * @param averagedSteps how many of the last steps the losses are means of
   * @param expected PyTorch's loss
   * @param loss the engine's
   */
  record Comparison(int steps, int averagedSteps, double expected, double loss) {}

  static LossCurve load(Path path) throws IOException {
    Safetensors file = Safetensors.open(path);
    return new LossCurve(file, new ObjectMapper().readTree(file.metadata().get("settings")));
  }

  /** Trains from the same start on the same batches. */
  Comparison follow(EngineFactory engines) {
    int width = integer("width");
    int steps = integer("steps");
    int batch = integer("batch");
    int rows = integer("rows");
    int averaged = Math.min(AVERAGED_STEPS, steps);
    EngineSpec spec =
        new EngineSpec(width, width, integer("features"), true, false, Optimiser.ADAM);
    double expected = 0;
    double found = 0;
    try (Arena arena = Arena.ofShared()) {
      DictionaryParameters start =
          DictionaryParameters.allocate(arena, width, width, spec.features());
      start.encoder().copyFrom(file.data("encoder"));
      start.encoderBias().copyFrom(file.data("encoder_bias"));
      start.decoder().copyFrom(file.data("decoder"));
      start.decoderBias().copyFrom(file.data("decoder_bias"));
      MemorySegment activations = arena.allocate((long) rows * width * Float.BYTES, 64);
      activations.copyFrom(file.data("activations"));
      try (Engine engine = engines.open(spec, start)) {
        for (int step = 1; step <= steps; step++) {
          long first = (step - 1L) * batch % rows;
          Rows input = TrainingRate.batch(activations, first, batch, width);
          double loss =
              TrainingRate.train(
                  engine, input, integer("k"), step, settings.get("learningRate").asDouble());
          if (step > steps - averaged) {
            found += loss / averaged;
            expected +=
                file.data("losses").getAtIndex(ValueLayout.JAVA_DOUBLE, step - 1L) / averaged;
          }
        }
      }
    }
    return new Comparison(steps, averaged, expected, found);
  }

  private int integer(String name) {
    return settings.get(name).asInt();
  }
}
