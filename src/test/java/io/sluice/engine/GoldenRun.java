package io.sluice.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A training run that PyTorch autograd made; see {@code src/test/python/golden_training.py}. */
final class GoldenRun {
  private final Safetensors file;
  private final JsonNode settings;

  private GoldenRun(Safetensors file, JsonNode settings) {
    this.file = file;
    this.settings = settings;
  }

  static GoldenRun load(String name) throws IOException, URISyntaxException {
    Path path =
        Path.of(GoldenRun.class.getResource("/golden/training-" + name + ".safetensors").toURI());
    Safetensors file = Safetensors.open(path);
    return new GoldenRun(file, new ObjectMapper().readTree(file.metadata().get("settings")));
  }

  EngineSpec spec() {
    return new EngineSpec(
            integer("inputWidth"),
            integer("outputWidth"),
            integer("features"),
            settings.get("subtractDecoderBias").asBoolean(),
            settings.get("rankByDecoderNorm").asBoolean(),
            Optimiser.ofLabel(settings.get("optimiser").asText()))
        .with(learned())
        .nested(prefixes());
  }

  private List<Integer> prefixes() {
    List<Integer> prefixes = new ArrayList<>();
    settings.path("prefixes").forEach(end -> prefixes.add(end.asInt()));
    return prefixes.isEmpty() ? List.of(integer("features")) : prefixes;
  }

  private Learned learned() {
    return switch (settings.path("selection").asText("topk")) {
      case "jumprelu" -> Learned.THRESHOLD;
      case "gated" -> Learned.GATE;
      default -> Learned.NOTHING;
    };
  }

  int steps() {
    return integer("steps");
  }

  ActivationFunction selection() {
    int k = integer("k");
    return switch (settings.path("selection").asText("topk")) {
      case "pursuit" -> new Pursuit(k, real("residual"));
      case "abstopk" -> new AbsTopK(k);
      case "batchtopk" -> new BatchTopK(k);
      case "relu" -> new ReLU();
      case "jumprelu" -> new LearnedJumpReLU(real("bandwidth"));
      case "gated" -> new LearnedGated();
      default -> new TopK(k);
    };
  }

  /** What the penalty weighs in the loss. */
  double penaltyWeight() {
    return settings.path("penalty").asDouble();
  }

  Penalty penalty(int step) {
    return switch (settings.path("penaltyKind").asText("linear")) {
      case "count" -> new Penalty.Count();
      case "tanh" -> new Penalty.Tanh(2);
      case "power" -> new Penalty.Power(settings.get("exponents").get(step - 1).asDouble());
      default -> new Penalty.Linear();
    };
  }

  /** Dead features per token that learn, what their loss weighs, and when a feature is dead. */
  int auxK() {
    return integer("auxK");
  }

  double auxWeight() {
    return real("auxWeight");
  }

  long auxWindow() {
    return integer("auxWindow");
  }

  /** What dead features add to the loss of a step. */
  double added(int step) {
    return file.data("added").getAtIndex(ValueLayout.JAVA_DOUBLE, step - 1L);
  }

  AdamStep adam(int step) {
    return new AdamStep(step, real("learningRate"), real("beta1"), real("beta2"), real("epsilon"));
  }

  DictionaryParameters start(Arena arena) {
    return parameters(arena, "start");
  }

  /** Puts what is learned per feature into an engine. */
  void startLearned(Engine engine) {
    for (StateTensor tensor : engine.state()) {
      if (engine.spec().learned().names().contains(tensor.name())) {
        engine.write(tensor, file.data("start." + tensor.name()));
      }
    }
  }

  /** What is learned per feature, as it is after a step. */
  MemorySegment learnedAfter(String name, int step) {
    return file.data("after" + step + "." + name);
  }

  boolean hasParametersAfter(int step) {
    return file.names().contains("after" + step + ".encoder");
  }

  DictionaryParameters after(Arena arena, int step) {
    return parameters(arena, "after" + step);
  }

  double loss(int step) {
    return file.data("losses").getAtIndex(ValueLayout.JAVA_DOUBLE, step - 1L);
  }

  Rows input(Arena arena, int step) {
    return batch(arena, "inputs", integer("inputWidth"), step);
  }

  /** The target of a step: the input itself where the run is an autoencoder's. */
  Rows target(Arena arena, int step, Rows input) {
    return file.names().contains("targets")
        ? batch(arena, "targets", integer("outputWidth"), step)
        : input;
  }

  private Rows batch(Arena arena, String name, int width, int step) {
    int rows = integer("batch");
    long bytes = (long) rows * width * Float.BYTES;
    MemorySegment copy = arena.allocate(bytes, 64);
    copy.copyFrom(file.data(name).asSlice((step - 1) * bytes, bytes));
    return new Rows(copy, DType.F32, rows, width);
  }

  private DictionaryParameters parameters(Arena arena, String prefix) {
    DictionaryParameters p =
        DictionaryParameters.allocate(
            arena, integer("inputWidth"), integer("outputWidth"), integer("features"));
    p.encoder().copyFrom(file.data(prefix + ".encoder"));
    p.encoderBias().copyFrom(file.data(prefix + ".encoder_bias"));
    p.decoder().copyFrom(file.data(prefix + ".decoder"));
    p.decoderBias().copyFrom(file.data(prefix + ".decoder_bias"));
    return p;
  }

  private int integer(String name) {
    return settings.get(name).asInt();
  }

  private double real(String name) {
    return settings.get(name).asDouble();
  }
}
