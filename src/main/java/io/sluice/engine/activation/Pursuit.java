package io.sluice.engine.activation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;

/**
 * Matching pursuit over the decoder's rows (arXiv 2506.03093). The residual {@code r} starts at
 * {@code x − p}. Each iteration selects the feature with the largest {@code a = ⟨r, W_D[j]⟩ > 0},
 * adds {@code a} to its code, and subtracts {@code a·W_D[j]} from {@code r}. The search ends after
 * {@code iterations}, when {@code r} is shorter than {@code residual}, when a feature is selected
 * for the second time (its code is then the sum), or when no product is positive.
 *
 * <p>Encoder rows and biases are not used and not trained; by convention the encoder of such a
 * dictionary is its decoder, and the biases are 0. Decoder rows should have a norm of about 1.
 * Input and output must have equal widths.
 *
 * @param iterations most picks per token, at least 1
 * @param residual length of the residual that ends the search, 0 for none
 */
public record Pursuit(int iterations, double residual) implements ActivationFunction {
  public Pursuit {
    if (iterations < 1) {
      throw new IllegalArgumentException("iterations must be at least 1, not " + iterations);
    }
    if (!(residual >= 0) || Double.isInfinite(residual)) {
      throw new IllegalArgumentException("a residual must be at least 0, not " + residual);
    }
  }

  @Override
  public String label() {
    return "matching_pursuit";
  }

  @Override
  public int k() {
    return iterations;
  }

  @Override
  public Pursuit withK(int k) {
    return new Pursuit(k, residual);
  }

  /** More picks than features are allowed: it ends with one that was picked before. */
  @Override
  public void requireFit(int features) {}

  @Override
  public void write(ObjectNode json) {
    json.put("iterations", iterations);
    json.put("residual", residual);
  }

  @Override
  public Pursuit read(Fields json, PerFeature vectors, int features) throws IOException {
    return new Pursuit(
        json.integer("iterations", 1, Integer.MAX_VALUE),
        json.real("residual", 0, Double.MAX_VALUE));
  }
}
