package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The forward pass and each hook point against ONNX Runtime and transformers. */
@Tag("cuda")
class BertParityTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void miniLmFromOnnxAgreesWithOnnxRuntime() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("minilm.safetensors"));
    try (LoadedModel model = Demo.miniLm()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 6, 384, 12, 32, 30522, 512));
      assertThat(model.name()).isEqualTo("all-minilm-l6-v2");
      assertAgrees(model, golden);
    }
  }

  @Test
  void checkpointAgreesWithTransformers() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("tiny-bert.safetensors"));
    try (LoadedModel model = Demo.tiny()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 2, 24, 3, 8, 22, 16));
      assertAgrees(model, golden);
    }
  }

  @Test
  void onnxExportAgreesWithTransformers() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("tiny-bert.safetensors"));
    try (LoadedModel model = Demo.tinyOnnx()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 2, 24, 3, 8, 22, 16));
      assertAgrees(model, golden);
    }
  }

  private static void assertAgrees(LoadedModel model, Safetensors golden) throws IOException {
    List<int[]> contexts = contexts(golden);
    TokenBatch batch = TokenBatch.of(contexts);
    Map<HookPoint, float[]> seen = new HashMap<>();
    Hooks hooks =
        Hooks.none()
            .observe(
                model.transformer().hookPoints(),
                (point, activation) -> seen.put(point, activation.toFloats()));
    try (TensorScope scope = TensorScope.open()) {
      Tensor hidden = model.transformer().forward(batch, hooks);
      assertThat(hidden.shape()).containsExactly(golden.shape("last_hidden_state"));
      assertClose("last_hidden_state", hidden.toFloats(), hidden.size(2), golden, contexts);
    }
    assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(model.transformer().hookPoints());
    for (HookPoint point : seen.keySet()) {
      assertClose(
          point.toString(), seen.get(point), model.transformer().width(point), golden, contexts);
    }
  }

  /** Compares the columns that the golden file keeps, at all tokens but padding. */
  private static void assertClose(
      String name, float[] actual, long width, Safetensors golden, List<int[]> contexts) {
    long[] shape = golden.shape(name);
    for (int i = 0; i < contexts.size(); i++) {
      for (int j = 0; j < contexts.get(i).length; j++) {
        for (int k = 0; k < shape[2]; k++) {
          long row = i * shape[1] + j;
          float expected = golden.data(name).getAtIndex(ValueLayout.JAVA_FLOAT, row * shape[2] + k);
          assertThat((double) actual[(int) (row * width + k)])
              .as("%s at context %d, token %d, column %d", name, i, j, k)
              .isCloseTo(expected, within(TOLERANCE));
        }
      }
    }
  }

  private static List<int[]> contexts(Safetensors golden) {
    long[] shape = golden.shape("input_ids");
    List<int[]> contexts = new ArrayList<>();
    for (int i = 0; i < shape[0]; i++) {
      int[] ids = new int[(int) shape[1]];
      int length = 0;
      for (int j = 0; j < shape[1]; j++) {
        long at = i * shape[1] + j;
        ids[j] = (int) golden.data("input_ids").getAtIndex(ValueLayout.JAVA_LONG, at);
        length += (int) golden.data("attention_mask").getAtIndex(ValueLayout.JAVA_LONG, at);
      }
      contexts.add(Arrays.copyOf(ids, length));
    }
    return contexts;
  }
}
