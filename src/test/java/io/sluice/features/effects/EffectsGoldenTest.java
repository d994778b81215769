package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.model.Demo;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Logit effects, heads and source positions against {@code effects_golden.py}, which computes them
 * in transformers with hooks, for each architecture.
 */
@Tag("cuda")
class EffectsGoldenTest {
  private static final Path GOLDEN = Demo.GOLDEN.resolveSibling("effects");
  private static final int LAYER = 1;

  @ParameterizedTest
  @EnumSource
  void directLogitsPassTheNormsThatFollow(TinyModel tiny) throws IOException {
    Safetensors golden = golden(tiny);
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      for (HookKind kind : HookKind.values()) {
        if (kind.isWritten()) {
          Tensor rows = tensor(golden, "direct." + kind.label()).to(model.transformer().device());
          Tensor logits = model.languageModel().directLogits(new HookPoint(LAYER, kind), rows);
          assertClose(logits, golden, "direct_logits." + kind.label());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void contributionsAreAttentionTimesValuesAndSumToTheActivation(TinyModel tiny)
      throws IOException {
    Safetensors golden = golden(tiny);
    int[] ids =
        Arrays.stream(golden.data("input_ids").toArray(ValueLayout.JAVA_LONG))
            .mapToInt(Math::toIntExact)
            .toArray();
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      Device device = model.transformer().device();
      HookPoint read = new HookPoint(LAYER, HookKind.ATTN_IN);
      List<Tensor> seen = new ArrayList<>();
      model
          .transformer()
          .observe(
              TokenBatch.of(List.of(ids)),
              Hooks.none()
                  .observe(
                      List.of(read),
                      (point, x) ->
                          seen.add(Tensor.ofFloats(x.toFloats(), x.shape()).moveTo(scope))));
      Tensor input = seen.getFirst().select(0, 0).to(device);
      for (String kind : List.of("attn_out", "z")) {
        AttentionSources sources =
            AttentionSources.of(model.transformer(), HookPoint.parse("layers.1." + kind));
        Tensor rows = tensor(golden, "sources." + kind).to(device);
        AttentionSources.Directions directions = sources.directions(rows);
        assertClose(directions.bias(), golden, "sources_bias." + kind);
        AttentionSources.Context context = sources.context(input);
        int features = (int) rows.size(0);
        float[] expected = floats(golden, "sources_values." + kind);
        float[] activations = floats(golden, "activations." + kind);
        float[] bias = directions.bias().to(Device.CPU).toFloats();
        for (int feature = 0; feature < features; feature++) {
          Tensor same =
              directions
                  .heads()
                  .narrow(0, feature, 1)
                  .expand(ids.length, directions.heads().size(1));
          float[] actual =
              context
                  .contributions(same, IntStream.range(0, ids.length).toArray())
                  .to(Device.CPU)
                  .toFloats();
          int perToken = sources.heads() * ids.length;
          for (int t = 0; t < ids.length; t++) {
            double sum = bias[feature];
            for (int i = 0; i < perToken; i++) {
              float value = actual[t * perToken + i];
              int at = (feature * ids.length + t) * perToken + i;
              assertThat(value)
                  .as("%s of feature %d at %d, %d", kind, feature, t, i)
                  .isCloseTo(expected[at], within(1e-4f));
              sum += value;
            }
            assertThat(sum)
                .as("%s of feature %d at %d", kind, feature, t)
                .isCloseTo(activations[feature * ids.length + t], within(2e-4));
          }
        }
      }
    }
  }

  @Test
  void whatNoLayerWritesHasNoEffect() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open();
        TensorScope scope = TensorScope.open()) {
      Tensor rows = Tensor.ofFloats(new float[24], 1, 24).to(model.transformer().device());
      assertThatThrownBy(
              () -> model.languageModel().directLogits(HookPoint.parse("layers.1.attn_in"), rows))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("layers.1.attn_in");
      assertThatThrownBy(
              () -> model.languageModel().directLogits(HookPoint.parse("layers.1.z"), rows))
          .hasMessageContaining("32 wide");
      assertThatThrownBy(
              () -> model.languageModel().directLogits(HookPoint.parse("layers.3.resid"), rows))
          .hasMessageContaining("3 layers");
      assertThatThrownBy(
              () -> AttentionSources.of(model.transformer(), HookPoint.parse("layers.1.mlp_out")))
          .hasMessageContaining("layers.1.mlp_out");
    }
  }

  private static Safetensors golden(TinyModel tiny) throws IOException {
    return Safetensors.open(GOLDEN.resolve(tiny.folder().getFileName() + ".safetensors"));
  }

  private static Tensor tensor(Safetensors file, String name) {
    return Tensor.ofFloats(floats(file, name), file.shape(name));
  }

  private static float[] floats(Safetensors file, String name) {
    return file.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  private static void assertClose(Tensor actual, Safetensors golden, String name) {
    float[] expected = floats(golden, name);
    float[] values = actual.to(Device.CPU).toFloats();
    assertThat(values).hasSameSizeAs(expected);
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).as("%s at %d", name, i).isCloseTo(expected[i], within(2e-4f));
    }
  }
}
