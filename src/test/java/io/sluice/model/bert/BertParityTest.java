package io.sluice.model.bert;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.HookKind;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.ModelShape;
import io.sluice.model.TokenBatch;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The forward pass and each hook point against ONNX Runtime and transformers. */
@Tag("model")
@Tag("cuda")
class BertParityTest {
  @BeforeAll
  static void useVectorKernels() {
    System.setProperty(LayerBackend.PROPERTY, "vector");
  }

  @AfterAll
  static void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  /** How far activations may be from those of transformers. */
  double tolerance() {
    return 1e-4;
  }

  @Test
  void miniLmFromOnnxAgreesWithOnnxRuntime() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("minilm.safetensors"));
    try (LoadedModel model = Demo.miniLm()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 6, 384, 12, 32, 1536, 30522, 512));
      assertThat(model.name()).isEqualTo("all-minilm-l6-v2");
      assertAgrees(model, golden);
    }
  }

  @Test
  void checkpointAgreesWithTransformers() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("tiny-bert.safetensors"));
    try (LoadedModel model = Demo.tiny()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 2, 24, 3, 8, 40, 22, 16));
      assertAgrees(model, golden);
    }
  }

  @Test
  void onnxExportAgreesWithTransformers() throws IOException {
    Safetensors golden = Safetensors.open(Demo.GOLDEN.resolve("tiny-bert.safetensors"));
    try (LoadedModel model = Demo.tinyOnnx()) {
      assertThat(model.transformer().shape())
          .isEqualTo(new ModelShape("bert", 2, 24, 3, 8, 40, 22, 16));
      assertAgrees(model, golden);
    }
  }

  private void assertAgrees(LoadedModel model, Safetensors file) throws IOException {
    GoldenBatch golden = new GoldenBatch(file);
    TokenBatch batch = TokenBatch.of(golden.contexts());
    Map<HookPoint, float[]> seen = new HashMap<>();
    Hooks hooks =
        Hooks.none()
            .observe(
                model.transformer().hookPoints(),
                (point, activation) -> seen.put(point, activation.toFloats()));
    try (TensorScope scope = TensorScope.open()) {
      Tensor hidden = model.transformer().forward(batch, hooks);
      assertThat(hidden.shape()).containsExactly(file.shape("last_hidden_state"));
      golden.assertClose("last_hidden_state", hidden.toFloats(), hidden.size(2), tolerance());
    }
    assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(model.transformer().hookPoints());
    for (HookPoint point : HookPatterns.select("layers.*.*", List.copyOf(seen.keySet()))) {
      golden.assertClose(
          point.toString(), seen.get(point), model.transformer().width(point), tolerance());
    }
    GoldenBatch.assertSameAlone(model.transformer(), batch, seen);
    if (model.transformer().shape().layers() == 2) {
      assertInsideAgrees(model, batch, seen);
    }
    for (int layer = 1; layer < model.transformer().shape().layers(); layer++) {
      // There is no norm before attention: it reads what the layer before has left.
      assertThat(seen.get(new HookPoint(layer, HookKind.ATTN_IN)))
          .isEqualTo(seen.get(new HookPoint(layer - 1, HookKind.RESID)));
    }
  }

  /** The hook points inside a layer of the tiny model, and the result where one is replaced. */
  private void assertInsideAgrees(LoadedModel model, TokenBatch batch, Map<HookPoint, float[]> seen)
      throws IOException {
    assertInsideAgrees(
        model,
        batch,
        seen,
        List.of(HookKind.RESID_IN, HookKind.RESID_MID, HookKind.MLP_IN, HookKind.MLP_ACT),
        new GoldenBatch(Safetensors.open(Demo.GOLDEN.resolve("tiny-bert-points.safetensors"))));
    GoldenBatch heads =
        new GoldenBatch(Safetensors.open(Demo.GOLDEN.resolve("tiny-bert-heads.safetensors")));
    assertInsideAgrees(
        model,
        batch,
        seen,
        List.of(HookKind.Q_PRE_ROPE, HookKind.K_PRE_ROPE, HookKind.Q, HookKind.K, HookKind.V),
        heads);
    heads.assertPattern(model.transformer(), tolerance());
  }

  private void assertInsideAgrees(
      LoadedModel model,
      TokenBatch batch,
      Map<HookPoint, float[]> seen,
      List<HookKind> kinds,
      GoldenBatch golden) {
    for (HookKind kind : kinds) {
      for (int layer = 0; layer < 2; layer++) {
        HookPoint point = new HookPoint(layer, kind);
        golden.assertClose(
            point.toString(), seen.get(point), model.transformer().width(point), tolerance());
      }
      try (TensorScope scope = TensorScope.open()) {
        float[] hidden =
            model.transformer().forward(batch, GoldenBatch.halved(kind, batch)).toFloats();
        golden.assertClose("layers.1." + kind.label() + ".hidden", hidden, 24, tolerance());
      }
    }
  }
}
