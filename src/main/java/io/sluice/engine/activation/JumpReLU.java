package io.sluice.engine.activation;

import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * JumpReLU: every feature whose value is above its threshold is active, and its code is that value
 * (arXiv 2407.14435). In training it is {@link LearnedJumpReLU}.
 *
 * @param thresholds the thresholds: one per feature, or one for all
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
