package io.sluice.engine.activation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;

/**
 * The {@code k} features of each token whose pre-activation is furthest from 0, on either side,
 * with their signs and no ReLU: a feature then stands for a concept and its opposite (arXiv
 * 2510.00404). Of equal features the lower index stays.
 *
 * @param k features per token, at least 1
 */
public record AbsTopK(int k) implements ActivationFunction {
  public AbsTopK {
    ActivationFunctions.requirePositive(k);
  }

  @Override
  public String label() {
    return "abstopk";
  }

  @Override
  public AbsTopK withK(int k) {
    return new AbsTopK(k);
  }

  @Override
  public void write(ObjectNode json) {
    json.put("k", k);
  }

  @Override
  public AbsTopK read(Fields json, PerFeature vectors, int features) throws IOException {
    return new AbsTopK(json.integer("k", 1, features));
  }
}
