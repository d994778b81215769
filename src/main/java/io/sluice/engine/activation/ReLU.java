package io.sluice.engine.activation;

import java.util.Optional;

/** All positive features. In training a penalty keeps the number of codes small. */
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
