package io.sluice.engine.activation;

import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * A gate decides whether a feature fires and a magnitude how much (arXiv 2404.16014). Both read the
 * same direction {@code z = ⟨w, x⟩}: the gate opens where {@code z + b_gate > 0}, and the magnitude
 * is {@code ReLU(eʳ·z + b_mag)}. With encoder {@code eʳ·w} and bias {@code b_mag} the gate is
 * therefore a threshold, {@code b_mag − eʳ·b_gate}, and the function is JumpReLU. In training it is
 * {@link LearnedGated}.
 *
 * @param thresholds the thresholds: one per feature, or one for all
 */
public record Gated(Thresholds thresholds) implements ActivationFunction {
  static final String LABEL = "gated";

  public Gated {
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
  public LearnedGated whileLearning(double bandwidth) {
    return new LearnedGated();
  }

  @Override
  public Optional<Thresholds> bounds() {
    return Optional.of(thresholds);
  }

  @Override
  public Map<String, float[]> perFeature(int features) {
    return Map.of(JumpReLU.THRESHOLD, thresholds.toArray(features));
  }

  @Override
  public Gated read(Fields json, PerFeature vectors, int features) throws IOException {
    return new Gated(Thresholds.of(vectors.read(JumpReLU.THRESHOLD)));
  }
}
