package io.sluice.engine.vector;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training with bounds from int8 gives the state that training in float32 gives, bit for bit. */
class Int8TrainingTest {
  private static final int WIDTH = 96;
  private static final int FEATURES = 1200;
  private static final int BATCH = 96;

  /** What a step selects. */
  enum Selection {
    LARGEST,
    FURTHEST,
    OF_THE_BATCH,

    /** Each of these has an encoder of its own, which misses what moves while it is not used. */
    IN_TURN;

    ActivationFunction at(int step) {
      return switch (this) {
        case LARGEST -> new TopK(1);
        case FURTHEST -> new AbsTopK(1);
        case OF_THE_BATCH -> new BatchTopK(1);
        case IN_TURN -> values()[step / 2 % 3].at(step);
      };
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @CsvSource({
    "ADAM,false,LARGEST",
    "SPARSE_ADAM,false,LARGEST",
    "SPARSE_ADAM,true,LARGEST",
    "SPARSE_ADAM,true,FURTHEST",
    "SPARSE_ADAM,false,OF_THE_BATCH",
    "SPARSE_ADAM,false,IN_TURN"
  })
  void theStateAfterManyStepsIsTheSame(
      Optimiser optimiser, boolean scoreByDecoderNorm, Selection selection) {
    String before = System.getProperty("sluice.screen");
    try {
      System.setProperty("sluice.screen", "none");
      List<byte[]> plain = train(optimiser, scoreByDecoderNorm, selection);
      System.setProperty("sluice.screen", "int8");
      List<byte[]> screened = train(optimiser, scoreByDecoderNorm, selection);
      assertThat(screened).hasSameSizeAs(plain);
      for (int i = 0; i < plain.size(); i++) {
        assertThat(Arrays.mismatch(screened.get(i), plain.get(i))).isEqualTo(-1);
      }
    } finally {
      if (before == null) {
        System.clearProperty("sluice.screen");
      } else {
        System.setProperty("sluice.screen", before);
      }
    }
  }

  private static List<byte[]> train(
      Optimiser optimiser, boolean scoreByDecoderNorm, Selection selection) {
    Random random = new Random(Seeds.seed());
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Gaussians gaussians = new Gaussians(random, arena);
      DictionaryParameters start = gaussians.parameters(WIDTH, FEATURES);
      EngineSpec spec =
          new EngineSpec(WIDTH, WIDTH, FEATURES, false, scoreByDecoderNorm, optimiser);
      try (Engine engine = EngineFactory.vector(workers).open(spec, start)) {
        for (int step = 1; step <= 14; step++) {
          MemorySegment tokens = gaussians.values(BATCH * WIDTH);
          Rows rows = new Rows(tokens, DType.F32, BATCH, WIDTH);
          engine.encode(rows, selection.at(step));
          engine.decode(rows, true);
          engine.accumulate();
          engine.update(new AdamStep(step, 0.5, 0.9, 0.999, 1e-8));
          if (step == 8) {
            // Written from outside, as resampling does.
            StateTensor encoder = engine.state().getFirst();
            engine.write(encoder, gaussians.values(FEATURES * WIDTH));
          }
        }
        List<byte[]> state = new ArrayList<>();
        for (StateTensor tensor : engine.state()) {
          state.add(engine.read(tensor, arena).toArray(ValueLayout.JAVA_BYTE));
        }
        return state;
      }
    }
  }
}
