package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.Safetensors;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What another implementation computed for a padded batch.
 *
 * @param file its contexts as {@code input_ids} and {@code attention_mask}, and results by name
 */
public record GoldenBatch(Safetensors file) {
  /** The contexts without their padding. */
  public List<int[]> contexts() {
    long[] shape = file.shape("input_ids");
    List<int[]> contexts = new ArrayList<>();
    for (int i = 0; i < shape[0]; i++) {
      int[] ids = new int[(int) shape[1]];
      int length = 0;
      for (int j = 0; j < shape[1]; j++) {
        long at = i * shape[1] + j;
        ids[j] = (int) file.data("input_ids").getAtIndex(ValueLayout.JAVA_LONG, at);
        length += (int) file.data("attention_mask").getAtIndex(ValueLayout.JAVA_LONG, at);
      }
      contexts.add(Arrays.copyOf(ids, length));
    }
    return contexts;
  }

  /** How many tokens the contexts have. */
  public long tokens() {
    return contexts().stream().mapToLong(context -> context.length).sum();
  }

  /** A prompt of four tokens and what follows when the most probable is taken each time. */
  public int[] greedy() {
    return Arrays.stream(file.data("greedy").toArray(ValueLayout.JAVA_LONG))
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  /** A number in the file's metadata. */
  public double metadata(String name) {
    return Double.parseDouble(file.metadata().get(name));
  }

  /** Whether the file has a tensor of this name. */
  public boolean has(String name) {
    return file.names().contains(name);
  }

  /**
   * Halves the layer 1's activations at one kind of hook point, at all tokens but the first of each
   * context, as points_golden.py does.
   */
  public static Hooks halved(HookKind kind, TokenBatch batch) {
    float[] factors = new float[batch.length()];
    Arrays.fill(factors, 0.5f);
    factors[0] = 1;
    return Hooks.none()
        .replace(
            new HookPoint(1, kind),
            (point, x) -> x.mul(Tensor.ofFloats(factors, 1, factors.length, 1).to(x.device())));
  }

  /** Compares the columns that the file keeps, at all tokens but padding. */
  public void assertClose(String name, float[] actual, long width, double tolerance) {
    long[] shape = file.shape(name);
    List<int[]> contexts = contexts();
    for (int i = 0; i < contexts.size(); i++) {
      for (int j = 0; j < contexts.get(i).length; j++) {
        for (int k = 0; k < shape[2]; k++) {
          long row = i * shape[1] + j;
          float expected = file.data(name).getAtIndex(ValueLayout.JAVA_FLOAT, row * shape[2] + k);
          assertThat((double) actual[(int) (row * width + k)])
              .as("%s at context %d, token %d, column %d", name, i, j, k)
              .isCloseTo(expected, within(tolerance));
        }
      }
    }
  }

  /** Compares layer 1's attention pattern, at all queries but padding. */
  public void assertPattern(Transformer transformer, double tolerance) {
    List<int[]> contexts = contexts();
    long[] shape = file.shape("layers.1.pattern");
    float[] actual;
    try (TensorScope scope = TensorScope.open()) {
      Tensor pattern = new LayerPattern(transformer, 1).of(TokenBatch.of(contexts));
      assertThat(pattern.shape()).containsExactly(shape);
      actual = pattern.toFloats();
      assertThat(scope.size()).isEqualTo(1);
    }
    for (int i = 0; i < contexts.size(); i++) {
      int tokens = contexts.get(i).length;
      for (int head = 0; head < shape[1]; head++) {
        for (int t = 0; t < tokens; t++) {
          for (int s = 0; s < tokens; s++) {
            long at = ((i * shape[1] + head) * shape[2] + t) * shape[3] + s;
            float expected = file.data("layers.1.pattern").getAtIndex(ValueLayout.JAVA_FLOAT, at);
            assertThat((double) actual[(int) at])
                .as("context %d, head %d, query %d, key %d", i, head, t, s)
                .isCloseTo(expected, within(tolerance));
          }
        }
      }
    }
  }

  /** A pass that ends after its only hook point gives there what a whole pass gave. */
  public static void assertSameAlone(
      Transformer transformer, TokenBatch batch, Map<HookPoint, float[]> seen) {
    seen.forEach(
        (point, values) -> {
          List<float[]> alone = new ArrayList<>();
          try (TensorScope scope = TensorScope.open()) {
            transformer.observe(
                batch, Hooks.none().observe(List.of(point), (at, x) -> alone.add(x.toFloats())));
            assertThat(scope.size()).isZero();
          }
          assertThat(alone).as(point.toString()).hasSize(1);
          assertThat(alone.getFirst()).as(point.toString()).isEqualTo(values);
        });
  }
}
