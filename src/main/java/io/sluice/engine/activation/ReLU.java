package io.sluice.engine.activation;

import java.util.Optional;

/** Every feature that is positive. A penalty keeps codes few in training. */
public record ReLU() implements ActivationFunction {
  @Override
  public String label() {
    return "relu";
  }

  @Override
  public boolean isPenalised() {
    return true;
  }

  @Override
  public Optional<Thresholds> bounds() {
    return Optional.of(Thresholds.uniform(0));
  }
}
