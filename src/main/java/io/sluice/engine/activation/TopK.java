package io.sluice.engine.activation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;

/**
 * ReLU, then the {@code k} largest features of each token; fewer where fewer are positive. Of equal
 * features the lower index stays.
 *
 * @param k features per token, at least 1
 */
public record TopK(int k) implements ActivationFunction {
  public TopK {
    ActivationFunctions.requirePositive(k);
  }

  @Override
  public String label() {
    return "topk";
  }

  @Override
  public TopK withK(int k) {
    return new TopK(k);
  }

  @Override
  public void write(ObjectNode json) {
    json.put("k", k);
  }

  @Override
  public TopK read(Fields json, PerFeature vectors, int features) throws IOException {
    return new TopK(json.integer("k", 1, features));
  }
}
