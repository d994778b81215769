package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("cuda")
class TransformerTest {
  private static final int[] LONG = {2, 5, 7, 6, 12, 3};
  private static final int[] SHORT = {2, 6, 3};

  private LoadedModel model;
  private Transformer transformer;
  private TensorScope scope;

  @BeforeEach
  void open() throws IOException {
    model = Demo.tiny();
    transformer = model.transformer();
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    if (model != null) {
      scope.close();
      model.close();
    }
  }

  @Test
  void neighboursInTheBatchChangeNothing() {
    float[] alone = run(Hooks.none(), SHORT);
    float[] together = run(Hooks.none(), LONG, SHORT);
    int rowsBefore = LONG.length;
    for (int i = 0; i < alone.length; i++) {
      assertThat(together[rowsBefore * 24 + i]).isCloseTo(alone[i], within(1e-5f));
    }
  }

  @Test
  void replacedActivationIsWhatTheModelGoesOnWith() {
    HookPoint z = HookPoint.parse("layers.0.z");
    HookPoint attnOut = HookPoint.parse("layers.0.attn_out");
    List<float[]> seen = new ArrayList<>();
    // With z zeroed, attn_out is the bias of W_O at every token.
    Hooks hooks =
        Hooks.none()
            .replace(z, (point, activation) -> activation.mul(0))
            .observe(List.of(attnOut), (point, activation) -> seen.add(activation.toFloats()));
    float[] ablated = run(hooks, LONG);
    assertThat(ablated).isNotEqualTo(run(Hooks.none(), LONG));
    for (int i = 24; i < seen.getFirst().length; i++) {
      assertThat(seen.getFirst()[i]).isEqualTo(seen.getFirst()[i % 24]);
    }
  }

  @Test
  void replacingByTheSameValuesChangesNothing() {
    Hooks hooks = Hooks.none();
    for (HookPoint point : transformer.hookPoints()) {
      hooks = hooks.replace(point, (at, activation) -> activation.copy());
    }
    assertThat(run(hooks, LONG)).isEqualTo(run(Hooks.none(), LONG));
  }

  @Test
  void attnOutIsZTimesOutputProjectionPlusBias() {
    List<float[]> seen = new ArrayList<>();
    List<float[]> products = new ArrayList<>();
    Tensor projection = transformer.outputProjection(1);
    Hooks hooks =
        Hooks.none()
            .observe(
                List.of(HookPoint.parse("layers.1.z")),
                (point, z) -> products.add(z.linear(projection, null).toFloats()))
            .observe(
                List.of(HookPoint.parse("layers.1.attn_out")),
                (point, attnOut) -> seen.add(attnOut.toFloats()));
    run(hooks, LONG);
    float[] product = products.getFirst();
    float[] attnOut = seen.getFirst();
    for (int i = 24; i < product.length; i++) {
      float bias = attnOut[i % 24] - product[i % 24];
      assertThat(attnOut[i] - product[i]).isCloseTo(bias, within(1e-5f));
    }
  }

  @Test
  void observingStopsAfterTheLastHook() {
    List<HookPoint> seen = new ArrayList<>();
    HookPoint first = HookPoint.parse("layers.0.resid");
    transformer.observe(
        TokenBatch.of(List.of(LONG)),
        Hooks.none().observe(List.of(first), (point, activation) -> seen.add(point)));
    assertThat(seen).containsExactly(first);
  }

  @Test
  void leavesOnlyItsResultBehind() {
    int before = scope.size();
    transformer.forward(TokenBatch.of(List.of(LONG, SHORT)), Hooks.none());
    assertThat(scope.size()).isEqualTo(before + 1);
    transformer.observe(
        TokenBatch.of(List.of(LONG, SHORT)),
        Hooks.none().observe(transformer.hookPoints(), (point, activation) -> {}));
    assertThat(scope.size()).isEqualTo(before + 1);
  }

  @Test
  void namesWhatDoesNotFit() {
    assertThatThrownBy(() -> run(Hooks.none(), new int[] {2, 22, 3}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("22");
    assertThatThrownBy(() -> run(Hooks.none(), new int[] {2, -1, 3}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-1");
    assertThatThrownBy(() -> run(Hooks.none(), new int[17]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("17")
        .hasMessageContaining("16");
    HookPoint z = HookPoint.parse("layers.0.z");
    assertThatThrownBy(() -> run(Hooks.none().replace(z, (point, x) -> x.narrow(0, 0, 0)), LONG))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.0.z")
        .hasMessageContaining("[1, 6, 24]")
        .hasMessageContaining("[0, 6, 24]");
    HookPoint none = HookPoint.parse("layers.2.z");
    assertThatThrownBy(() -> run(Hooks.none().replace(none, (point, x) -> x), LONG))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layer 2");
    assertThatThrownBy(() -> TokenBatch.of(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  private float[] run(Hooks hooks, int[]... contexts) {
    return transformer.forward(TokenBatch.of(List.of(contexts)), hooks).toFloats();
  }
}
