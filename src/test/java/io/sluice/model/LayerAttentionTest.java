package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.model.bert.TinyEncoder;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The numbers of an attention say what the model does from {@code attn_in} to {@code attn_out}. */
class LayerAttentionTest {
  @ParameterizedTest
  @EnumSource
  void leadsFromItsInputToItsOutput(TinyModel tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      for (int layer = 0; layer < 3; layer++) {
        assertDescribes(model.transformer(), layer, new int[] {0, 11, 12, 13, 9, 3, 5, 4, 7, 3});
      }
    }
  }

  @Test
  void ofAnEncoder() throws IOException {
    try (LoadedModel model = Demo.tinyOnnx()) {
      assertDescribes(model.transformer(), 1, new int[] {2, 13, 14, 15, 12, 5, 7, 8, 3});
    }
  }

  @Test
  void ofAnEncoderWithRotaryPositionsAndWindows() throws IOException {
    try (LoadedModel model = TinyEncoder.MODERNBERT.open()) {
      for (int layer = 0; layer < 4; layer++) {
        assertDescribes(model.transformer(), layer, new int[] {0, 11, 12, 13, 10, 4, 6, 5, 2});
      }
    }
  }

  @Test
  void saysWhenQueriesAndKeysAreNormalised() throws IOException {
    try (LoadedModel model = TinyModel.QWEN3.open();
        TensorScope scope = TensorScope.open()) {
      LayerAttention attention = model.transformer().attention(0);
      assertThat(attention.normalised()).isTrue();
      assertThat(attention.query().weight().shape()).containsExactly(40, 24);
    }
  }

  private static void assertDescribes(Transformer model, int layer, int[] ids) {
    Map<HookKind, float[]> seen = new HashMap<>();
    List<HookPoint> points =
        List.of(new HookPoint(layer, HookKind.ATTN_IN), new HookPoint(layer, HookKind.ATTN_OUT));
    try (TensorScope scope = TensorScope.open()) {
      model.observe(
          TokenBatch.of(List.of(ids)),
          Hooks.none().observe(points, (point, x) -> seen.put(point.kind(), x.toFloats())));
      LayerAttention attention = model.attention(layer);
      Tensor x = Tensor.ofFloats(seen.get(HookKind.ATTN_IN), ids.length, model.shape().dModel());
      float[] actual = output(attention, x.to(model.device())).to(Device.CPU).toFloats();
      float[] expected = seen.get(HookKind.ATTN_OUT);
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[i]).as("layer %d at %d", layer, i).isCloseTo(expected[i], within(1e-4f));
      }
    }
  }

  /** Attention written down head by head. */
  private static Tensor output(LayerAttention a, Tensor x) {
    Tensor query = x.linear(a.query().weight(), a.query().bias());
    Tensor key = x.linear(a.key().weight(), a.key().bias());
    Tensor value = x.linear(a.value().weight(), a.value().bias());
    int length = (int) x.size(0);
    int r = a.headDim();
    List<Tensor> heads = new ArrayList<>();
    for (int head = 0; head < a.heads(); head++) {
      int group = head / (a.heads() / a.keyValueHeads());
      double[] q = normalised(query, head, r, a.queryNorm());
      double[] k = normalised(key, group, r, a.keyNorm());
      rotate(q, r, a.rotaryFrequencies(), a.rotaryScale());
      rotate(k, r, a.rotaryFrequencies(), a.rotaryScale());
      float[] scores = new float[length * length];
      for (int t = 0; t < length; t++) {
        for (int s = 0; s < length; s++) {
          double score = 0;
          for (int i = 0; i < r; i++) {
            score += a.scale() * q[t * r + i] * k[s * r + i];
          }
          boolean near = a.window() == 0 || Math.abs(t - s) < a.window();
          boolean seen = near && (!a.causal() || s <= t);
          scores[t * length + s] =
              seen
                  ? (float) (a.cap() > 0 ? a.cap() * Math.tanh(score / a.cap()) : score)
                  : Float.NEGATIVE_INFINITY;
        }
      }
      Tensor weights = Tensor.ofFloats(scores, length, length).softmax(1);
      heads.add(weights.to(x.device()).mm(value.narrow(1, (long) group * r, r)));
    }
    return ShapeOperators.cat(heads, 1).linear(a.output().weight(), a.output().bias());
  }

  /** One head of queries or keys, {@code [length, r]}; a norm may go over all heads. */
  private static double[] normalised(Tensor all, int head, int r, LayerAttention.HeadNorm norm) {
    int length = (int) all.size(0);
    double[] values = all.narrow(1, (long) head * r, r).toDoubles();
    if (norm == null) {
      return values;
    }
    boolean each = norm.weight().length == r;
    double[] over = each ? values : all.toDoubles();
    int width = over.length / length;
    assertThat(norm.weight()).hasSize(width);
    for (int t = 0; t < length; t++) {
      double squares = 0;
      for (int i = 0; i < width; i++) {
        squares += over[t * width + i] * over[t * width + i];
      }
      double size = Math.sqrt(squares / width + norm.epsilon());
      for (int i = 0; i < r; i++) {
        values[t * r + i] *= norm.weight()[each ? i : head * r + i] / size;
      }
    }
    return values;
  }

  private static void rotate(double[] values, int r, float[] frequencies, double scale) {
    for (int t = 0; t < values.length / r; t++) {
      for (int i = 0; i < frequencies.length; i++) {
        double angle = frequencies[i] * t;
        int at = t * r + i;
        double a = values[at];
        double b = values[at + frequencies.length];
        values[at] = scale * (a * Math.cos(angle) - b * Math.sin(angle));
        values[at + frequencies.length] = scale * (b * Math.cos(angle) + a * Math.sin(angle));
      }
    }
  }
}
