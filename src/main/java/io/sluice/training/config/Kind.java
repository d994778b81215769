package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The kind of a dictionary: which hook points it writes, which it reads besides the hook point of
 * its run, the form of both in {@code run.json}, and with which settings it cannot be combined.
 */
public sealed interface Kind {
  /** The name in {@code run.json}. */
  String type();

  /** Adds the kind's own fields to the {@code kind} of a run's settings. */
  default void writeFields(ObjectNode json) {}

  /** Writes the kind into the settings of a run. */
  default void write(ObjectNode settings) {
    ObjectNode json = settings.putObject("kind");
    json.put("type", type());
    writeFields(json);
  }

  /**
   * The kind that {@link #write} wrote; runs of before there were several say nothing of it.
   *
   * @throws IOException if there is no such kind, or a field is missing or wrong; the message names
   *     file and field
   */
  static Kind read(Fields settings) throws IOException {
    if (!settings.has("kind")) {
      return new Autoencoder();
    }
    Fields json = settings.object("kind");
    String type = json.text("type", Autoencoder.TYPE);
    return switch (type) {
      case Autoencoder.TYPE -> new Autoencoder();
      case Transcoder.TYPE ->
          new Transcoder(json.text("target"), encoderStart(json), json.flag("skip", false));
      case Crosscoder.TYPE -> new Crosscoder(json.texts("others"));
      case CrossLayerTranscoder.TYPE ->
          new CrossLayerTranscoder(json.texts("others"), json.texts("targets"), encoderStart(json));
      default -> throw json.damaged("unknown type " + Quoted.of(type));
    };
  }

  private static InitialEncoder encoderStart(Fields json) throws IOException {
    return InitialEncoder.ofLabel(json.text("encoderStart"));
  }

  /** The name in the titles of runs; empty for the usual kind, an autoencoder. */
  default String title() {
    return type();
  }

  /** The initialisation of the encoder rows from the decoder. */
  default InitialEncoder encoderStart() {
    return InitialEncoder.PULL_BACK;
  }

  /** The hook points that the encoder reads. */
  List<String> inputs(String hook);

  /** The hook points that the decoder writes. */
  List<String> outputs(String hook);

  /**
   * Checks the kind against the hook point of the run.
   *
   * @throws IllegalArgumentException if they do not fit together
   */
  default void requireFit(String hook) {}

  /**
   * Checks the kind against the other settings of the run. Here is what only an autoencoder can
   * have; a kind that refuses more overrides this and calls it.
   *
   * @throws IllegalArgumentException if they cannot be combined
   */
  default void requireFit(SparsityConfig sparsity, Remedies remedies) {
    if (sparsity.activation() instanceof Pursuit) {
      throw new IllegalArgumentException(
          "matching_pursuit is for autoencoders, and this is a " + title());
    }
    if (remedies.mapInput()) {
      throw new IllegalArgumentException(
          "whitened and constrained training are for dictionaries that write what they read");
    }
  }

  /** Writes what it reads. */
  record Autoencoder() implements Kind {
    static final String TYPE = "autoencoder";

    @Override
    public String type() {
      return TYPE;
    }

    @Override
    public String title() {
      return "";
    }

    @Override
    public List<String> inputs(String hook) {
      return List.of(hook);
    }

    @Override
    public List<String> outputs(String hook) {
      return List.of(hook);
    }

    @Override
    public void requireFit(SparsityConfig sparsity, Remedies remedies) {
      // It can be combined with everything.
    }
  }

  /**
   * Reads the run's hook point and writes another one (arXiv 2406.11944).
   *
   * @param target what it writes, for instance {@code layers.3.mlp_out}
   * @param encoderStart where its encoder starts
   * @param skip whether a matrix that starts at 0 adds what follows linearly from the input (arXiv
   *     2501.18823)
   */
  record Transcoder(String target, InitialEncoder encoderStart, boolean skip) implements Kind {
    static final String TYPE = "transcoder";

    public Transcoder {
      Objects.requireNonNull(target, "target");
      Objects.requireNonNull(encoderStart, "encoderStart");
    }

    @Override
    public String type() {
      return TYPE;
    }

    @Override
    public void writeFields(ObjectNode json) {
      json.put("target", target);
      json.put("encoderStart", encoderStart.label());
      json.put("skip", skip);
    }

    @Override
    public String title() {
      return skip ? "skip transcoder" : TYPE;
    }

    @Override
    public List<String> inputs(String hook) {
      return List.of(hook);
    }

    @Override
    public List<String> outputs(String hook) {
      return List.of(target);
    }

    @Override
    public void requireFit(String hook) {
      if (hook.equals(target)) {
        throw new IllegalArgumentException(
            "hook point and target are both '"
                + hook
                + "': that is an autoencoder; leave the target out, or name another");
      }
    }

    @Override
    public void requireFit(SparsityConfig sparsity, Remedies remedies) {
      Kind.super.requireFit(sparsity, remedies);
      if (skip && !sparsity.prefixes().isEmpty()) {
        throw new IllegalArgumentException(
            "nested prefixes cannot be combined with a skip connection: each would need its own");
      }
    }
  }

  /**
   * Reads and writes several hook points at once, with features that they share (Lindsey et al.,
   * <em>Sparse Crosscoders for Cross-Layer Features and Model Diffing</em>, 2024). A feature's
   * length, where a penalty or a ranking asks for it, is the sum of the norms of its decoder rows
   * per site.
   *
   * @param others the hook points beside the run's, at least one
   */
  record Crosscoder(List<String> others) implements Kind {
    static final String TYPE = "crosscoder";

    public Crosscoder {
      others = List.copyOf(others);
      if (others.isEmpty()) {
        throw new IllegalArgumentException("a crosscoder needs two hook points or more");
      }
    }

    @Override
    public String type() {
      return TYPE;
    }

    @Override
    public void writeFields(ObjectNode json) {
      others.forEach(json.putArray("others")::add);
    }

    @Override
    public List<String> inputs(String hook) {
      return Stream.concat(Stream.of(hook), others.stream()).toList();
    }

    @Override
    public List<String> outputs(String hook) {
      return inputs(hook);
    }

    @Override
    public void requireFit(String hook) {
      requireDifferent(inputs(hook));
    }
  }

  /**
   * A cross-layer transcoder: features of each layer read that layer's hook point and write its
   * target and those of all layers after it (Ameisen et al., <em>Circuit Tracing</em>, 2025).
   *
   * @param others what the layers after the first read, in their order; the first reads the run's
   *     hook point
   * @param targets what the layers write, as many as read
   * @param encoderStart where encoders start, each by its own layer's target
   */
  record CrossLayerTranscoder(
      List<String> others, List<String> targets, InitialEncoder encoderStart) implements Kind {
    static final String TYPE = "cross-layer-transcoder";

    public CrossLayerTranscoder {
      others = List.copyOf(others);
      targets = List.copyOf(targets);
      Objects.requireNonNull(encoderStart, "encoderStart");
      if (others.isEmpty() || targets.size() != others.size() + 1) {
        throw new IllegalArgumentException(
            "a cross-layer transcoder reads and writes as many hook points, two or more; these are"
                + " %d and %d".formatted(others.size() + 1, targets.size()));
      }
    }

    @Override
    public String type() {
      return TYPE;
    }

    @Override
    public void writeFields(ObjectNode json) {
      others.forEach(json.putArray("others")::add);
      targets.forEach(json.putArray("targets")::add);
      json.put("encoderStart", encoderStart.label());
    }

    @Override
    public String title() {
      return "cross-layer transcoder";
    }

    @Override
    public List<String> inputs(String hook) {
      return Stream.concat(Stream.of(hook), others.stream()).toList();
    }

    @Override
    public List<String> outputs(String hook) {
      return targets;
    }

    @Override
    public void requireFit(String hook) {
      requireDifferent(Stream.concat(inputs(hook).stream(), targets.stream()).toList());
    }

    @Override
    public void requireFit(SparsityConfig sparsity, Remedies remedies) {
      Kind.super.requireFit(sparsity, remedies);
      boolean known =
          sparsity.activation() instanceof TopK || sparsity.activation() instanceof ReLU;
      if (!known
          || !sparsity.prefixes().isEmpty()
          || remedies.usesAuxK()
          || remedies.resampleEvery() > 0) {
        throw new IllegalArgumentException(
            "a cross-layer transcoder needs topk or relu, and cannot have nested prefixes, AuxK or resampling");
      }
    }
  }

  private static void requireDifferent(List<String> hooks) {
    for (int i = 0; i < hooks.size(); i++) {
      if (hooks.indexOf(hooks.get(i)) < i) {
        throw new IllegalArgumentException("hook point '" + hooks.get(i) + "' is named twice");
      }
    }
  }
}
