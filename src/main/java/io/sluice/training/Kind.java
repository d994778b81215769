package io.sluice.training;

import java.util.List;
import java.util.Objects;

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
  record Transcoder(String target, EncoderStart encoderStart, boolean skip) implements Kind {
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
}
