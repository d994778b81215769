package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HookPatternsTest {
  private static final List<HookPoint> SIX_LAYERS =
      IntStream.range(0, 6)
          .boxed()
          .flatMap(layer -> Stream.of(HookKind.values()).map(kind -> new HookPoint(layer, kind)))
          .toList();

  @ParameterizedTest
  @CsvSource({
    "layers.3.attn_out, 1",
    "layers.*.attn_out, 6",
    "layers.2-4.z, 3",
    "layers.0.*, 4",
    "layers.*.*, 24",
    "'layers.0.*,layers.0.attn_in', 5",
    "layers.2.mlp_act, 1",
    "'layers.*.q,layers.1.k_pre_rope,layers.1-2.v', 9",
    "'layers.0.resid_mid,layers.*.resid_in,layers.1.mlp_in', 8",
    "'layers.*.z, layers.1.z,layers.1.resid', 7",
  })
  void selects(String patterns, int count) {
    List<HookPoint> selected = HookPatterns.select(patterns, SIX_LAYERS);
    assertThat(selected).hasSize(count).isSorted().doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "layers.6.attn_out",
        "layers.*.attn",
        "layers.4-2.z",
        "attn_out",
        "",
        "layers.0.z,",
        "layers.99999999999.z"
      })
  void listsThoseThatExist(String pattern) {
    assertThatThrownBy(() -> HookPatterns.select(pattern, SIX_LAYERS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no hook point")
        .hasMessageContaining("layers.N.attn_out")
        .hasMessageContaining("0 to 5");
  }

  @Test
  void takesNamesOfTransformerLens() {
    assertThat(
            HookPatterns.select(
                "blocks.3.hook_resid_pre, blocks.*.mlp.hook_post", SIX_LAYERS, "gpt2"))
        .hasSize(7)
        .contains(new HookPoint(2, HookKind.RESID), new HookPoint(5, HookKind.MLP_ACT));
    assertThatThrownBy(() -> HookPatterns.select("blocks.3.hook_attn_out", SIX_LAYERS, "gemma2"))
        .hasMessageContaining("after the norm");
  }

  @Test
  void takesPathsOfModulesAndOtherNames() {
    assertThat(HookPatterns.select("transformer.h.3.attn,h.2", SIX_LAYERS, "gpt2"))
        .containsExactly(new HookPoint(2, HookKind.RESID), new HookPoint(3, HookKind.ATTN_OUT));
    assertThat(HookPatterns.select("layers.6.resid_in", SIX_LAYERS))
        .containsExactly(new HookPoint(5, HookKind.RESID));
    assertThatThrownBy(() -> HookPatterns.select("model.layers.3.mlp.gate", SIX_LAYERS, "llama"))
        .hasMessageContaining("no hook point 'model.layers.3.mlp.gate'; there are layers.N.");
  }

  @Test
  void listsEachWhereSomeLayersLackSome() {
    List<HookPoint> some =
        List.of(new HookPoint(0, HookKind.Z), new HookPoint(3, HookKind.ATTN_OUT));
    assertThatThrownBy(() -> HookPatterns.select("layers.1.z", some))
        .hasMessageEndingWith("there are layers.0.z, layers.3.attn_out");
  }

  @Test
  void hookPointsReadWhatTheyWrite() {
    for (HookPoint point : SIX_LAYERS) {
      assertThat(HookPoint.parse(point.toString())).isEqualTo(point);
    }
    assertThatThrownBy(() -> HookPoint.parse("layers.x.z"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
