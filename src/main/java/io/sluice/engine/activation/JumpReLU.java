package io.sluice.engine.activation;

import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Every feature above its own threshold, with its whole value (arXiv 2407.14435). It is {@link
 * LearnedJumpReLU} while it is learned.
 *
 * @param thresholds above what features have to be: one number per feature, or one for all
 */
public record JumpReLU(Thresholds thresholds) implements ActivationFunction {
  static final String LABEL = "jumprelu";

  /** The name of the thresholds in files. */
  static final String THRESHOLD = "threshold";

  public JumpReLU {
    Objects.requireNonNull(thresholds, "thresholds");
  }

  @Override
  public String label() {
    return LABEL;
  }

  @Override
  public boolean isPenalised() {
    return true;
  }

  @Override
  public LearnedJumpReLU whileLearning(double bandwidth) {
    return new LearnedJumpReLU(bandwidth);
  }

  @Override
  public Optional<Thresholds> bounds() {
    return Optional.of(thresholds);
  }

  @Override
  public Map<String, float[]> perFeature(int features) {
    return Map.of(THRESHOLD, thresholds.toArray(features));
  }

  @Override
  public JumpReLU read(Fields json, PerFeature vectors, int features) throws IOException {
    return new JumpReLU(Thresholds.of(vectors.read(THRESHOLD)));
  }
}
