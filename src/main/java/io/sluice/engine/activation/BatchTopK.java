package io.sluice.engine.activation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The {@code k · rows} largest features of the whole batch (arXiv 2412.06410); fewer where fewer
 * are positive. Of equal features that of the earlier token stays, and of one token's the lower
 * index.
 *
 * <p>When the dictionary is used, a token's code must not depend on its batch. A threshold that was
 * found in training then replaces the selection over the batch.
 *
 * @param k features per token on average, at least 1
 * @param threshold the features above it are active; if it is empty, those selected over the batch
 */
public record BatchTopK(int k, OptionalDouble threshold) implements ActivationFunction {
  private static final String THRESHOLD = "threshold";

  public BatchTopK {
    ActivationFunctions.requirePositive(k);
    Objects.requireNonNull(threshold, THRESHOLD);
    if (threshold.isPresent() && !(threshold.getAsDouble() >= 0)) {
      throw new IllegalArgumentException(
          "a threshold must not be negative: " + threshold.getAsDouble());
    }
  }

  /** Batches decide. */
  public BatchTopK(int k) {
    this(k, OptionalDouble.empty());
  }

  @Override
  public String label() {
    return "batchtopk";
  }

  @Override
  public BatchTopK withK(int k) {
    return new BatchTopK(k, threshold);
  }

  @Override
  public Optional<Thresholds> bounds() {
    return threshold.isPresent()
        ? Optional.of(Thresholds.uniform((float) threshold.getAsDouble()))
        : Optional.empty();
  }

  @Override
  public void write(ObjectNode json) {
    json.put("k", k);
    threshold.ifPresent(value -> json.put(THRESHOLD, value));
  }

  @Override
  public BatchTopK read(Fields json, PerFeature vectors, int features) throws IOException {
    return new BatchTopK(
        json.integer("k", 1, features),
        json.has(THRESHOLD)
            ? OptionalDouble.of(json.real(THRESHOLD, 0, Double.MAX_VALUE))
            : OptionalDouble.empty());
  }
}
