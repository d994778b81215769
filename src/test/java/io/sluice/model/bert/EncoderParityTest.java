package io.sluice.model.bert;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.GoldenBatch;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Encoders beside BERT: the last hidden state and each hook point against transformers. */
@Tag("model")
@Tag("cuda")
class EncoderParityTest {
  private static final List<HookKind> INSIDE =
      List.of(HookKind.RESID_IN, HookKind.RESID_MID, HookKind.MLP_IN, HookKind.MLP_ACT);
  private static final List<HookKind> OF_HEADS =
      List.of(HookKind.Q_PRE_ROPE, HookKind.K_PRE_ROPE, HookKind.Q, HookKind.K, HookKind.V);

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

  @ParameterizedTest
  @EnumSource
  void agreesWithTransformers(TinyEncoder tiny) throws IOException {
    GoldenBatch golden = tiny.golden();
    List<GoldenBatch> files = List.of(golden, tiny.points(), tiny.heads());
    Map<HookPoint, float[]> seen = new HashMap<>();
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      Transformer transformer = model.transformer();
      assertThat(transformer.shape()).isEqualTo(tiny.shape());
      TokenBatch batch = TokenBatch.of(golden.contexts());
      Hooks hooks =
          Hooks.none()
              .observe(
                  transformer.hookPoints(),
                  (point, activation) -> seen.put(point, activation.toFloats()));
      Tensor hidden = transformer.forward(batch, hooks);
      golden.assertClose("last_hidden_state", hidden.toFloats(), hidden.size(2), tolerance());
      assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(transformer.hookPoints());
      for (HookPoint point : seen.keySet()) {
        GoldenBatch file =
            files.stream().filter(each -> each.has(point.toString())).findFirst().orElse(null);
        if (file != null) {
          file.assertClose(
              point.toString(), seen.get(point), transformer.width(point), tolerance());
        } else {
          // There is no norm before attention: it reads what enters the layer.
          assertThat(point.kind()).isEqualTo(HookKind.ATTN_IN);
          assertThat(seen.get(point))
              .isEqualTo(seen.get(new HookPoint(point.layer(), HookKind.RESID_IN)));
        }
      }
      GoldenBatch.assertSameAlone(transformer, batch, seen);
    }
  }

  @ParameterizedTest
  @EnumSource
  void replacesWhatTransformersReplaces(TinyEncoder tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      assertReplaces(model.transformer(), INSIDE, tiny.points());
      assertReplaces(model.transformer(), OF_HEADS, tiny.heads());
    }
  }

  private void assertReplaces(Transformer model, List<HookKind> kinds, GoldenBatch golden) {
    TokenBatch batch = TokenBatch.of(golden.contexts());
    for (HookKind kind : kinds) {
      try (TensorScope scope = TensorScope.open()) {
        float[] hidden = model.forward(batch, GoldenBatch.halved(kind, batch)).toFloats();
        golden.assertClose("layers.1." + kind.label() + ".hidden", hidden, 24, tolerance());
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void patternsAgreeWithTransformers(TinyEncoder tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      tiny.heads().assertPattern(model.transformer(), tolerance());
    }
  }
}
