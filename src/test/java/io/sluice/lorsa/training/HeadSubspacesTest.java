package io.sluice.lorsa.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.lorsa.ContextFeed;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.model.Demo;
import io.sluice.model.LayerAttention;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeadSubspacesTest {
  @TempDir Path folder;

  /** So queries, keys, rotation, scale, cap and window of the start are the model's. */
  @Tag("slow")
  @ParameterizedTest
  @ValueSource(
      strings = {
        "tiny-gpt2",
        "tiny-neox",
        "tiny-llama",
        "tiny-mistral",
        "tiny-qwen2",
        "tiny-gemma2",
        "tiny-bert"
      })
  void aModelsAttentionAsLorsaHasItsOutputs(String name) throws IOException {
    try (LoadedModel model = AttentionStore.model(name);
        Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open()) {
      Contexts contexts = AttentionStore.capture(model, folder, "layers.1.attn_in,layers.1.z", 78);
      LayerAttention attention = model.transformer().attention(1);
      ContextFeed feed = new ContextFeed(contexts, "layers.1.attn_in", "layers.1.z", 0, Device.CPU);
      try (LorsaEngine engine =
          LorsaEngine.running(HeadSubspaces.own(attention, arena), Device.CPU)) {
        int[] chosen = {0, contexts.count() - 1, 1};
        assertThat(contexts.length(0)).isNotEqualTo(contexts.length(contexts.count() - 1));
        var batch = feed.batch(chosen, 1, 1);
        float[] actual = engine.activations(batch).toFloats();
        float[] expected = batch.target().toFloats();
        for (int i = 0; i < expected.length; i++) {
          assertThat(actual[i]).as("value %d", i).isCloseTo(expected[i], within(1e-4f));
        }
      }
    }
  }

  @Test
  void directionsHoldWhatAHeadContributes() throws IOException {
    try (LoadedModel model = AttentionStore.model("tiny-llama");
        TensorScope scope = TensorScope.open()) {
      Contexts contexts = AttentionStore.capture(model, folder, "layers.1.attn_in,layers.1.z", 300);
      LayerAttention attention = model.transformer().attention(1);
      ContextFeed feed = new ContextFeed(contexts, "layers.1.attn_in", "layers.1.z", 1, Device.CPU);
      int[] all = java.util.stream.IntStream.range(0, contexts.count()).toArray();
      HeadSubspaces found = HeadSubspaces.of(attention, feed, List.of(all), 0, 0.9, Device.CPU);
      var batch = feed.batch(all, 1, 1);
      for (int head = 0; head < 4; head++) {
        Tensor z = LorsaSamples.counted(batch).narrow(1, head * 8L, 8);
        Tensor output = attention.output().weight().narrow(1, head * 8L, 8);
        Tensor written = z.mm(output.transpose(0, 1));
        Tensor centred = written.sub(written.mean(true, 0));
        Tensor basis = found.directions().get(head);
        int n = (int) basis.size(1);
        float[] products = basis.transpose(0, 1).mm(basis).toFloats();
        for (int i = 0; i < n * n; i++) {
          assertThat(products[i]).isCloseTo(i % (n + 1) == 0 ? 1 : 0, within(1e-5f));
        }
        double whole = centred.square().sum().item();
        double held = centred.mm(basis).square().sum().item();
        double less = n == 1 ? 0 : centred.mm(basis.narrow(1, 0, n - 1)).square().sum().item();
        assertThat(held / whole).as("head %d", head).isGreaterThanOrEqualTo(0.9 - 1e-5);
        assertThat(less / whole).isLessThan(0.9);
      }
    }
  }

  @Test
  void refusesWhatLorsaCannotBe() throws IOException {
    try (LoadedModel model = AttentionStore.model("tiny-qwen3");
        TensorScope scope = TensorScope.open()) {
      LayerAttention attention = model.transformer().attention(0);
      assertThatThrownBy(() -> Queries.spec(attention, 24, 24, 40))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("normalises queries and keys");
    }
    try (LoadedModel model = LoadedModel.open(Demo.GOLDEN.resolve("tiny-modernbert"), Device.CPU);
        TensorScope scope = TensorScope.open()) {
      LayerAttention near = model.transformer().attention(1);
      assertThatThrownBy(() -> Queries.spec(near, 24, 24, 30))
          .hasMessageContaining("near tokens on both sides only");
      assertThat(Queries.spec(model.transformer().attention(0), 24, 24, 30).causal()).isFalse();
    }
    try (LoadedModel model = AttentionStore.model("tiny-llama");
        TensorScope scope = TensorScope.open()) {
      LayerAttention attention = model.transformer().attention(0);
      assertThatThrownBy(() -> Queries.spec(attention, 24, 24, 36, 6, 2, false))
          .hasMessageContaining("6 groups")
          .hasMessageContaining("4 heads");
    }
  }
}
