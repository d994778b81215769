package io.sluice.training.config;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** What a dictionary writes, and what else it reads than the hook point of its run. */
public sealed interface Kind {

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

  /** Writes what it reads. */
  record Autoencoder() implements Kind {
    @Override
    public List<String> inputs(String hook) {
      return List.of(hook);
    }

    @Override
    public List<String> outputs(String hook) {
      return List.of(hook);
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
    public Transcoder {
      Objects.requireNonNull(target, "target");
      Objects.requireNonNull(encoderStart, "encoderStart");
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
    public Crosscoder {
      others = List.copyOf(others);
      if (others.isEmpty()) {
        throw new IllegalArgumentException("a crosscoder needs two hook points or more");
      }
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
  }

  private static void requireDifferent(List<String> hooks) {
    for (int i = 0; i < hooks.size(); i++) {
      if (hooks.indexOf(hooks.get(i)) < i) {
        throw new IllegalArgumentException("hook point '" + hooks.get(i) + "' is named twice");
      }
    }
  }
}
