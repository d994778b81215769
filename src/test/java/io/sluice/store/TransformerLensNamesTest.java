package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TransformerLensNamesTest {
  @ParameterizedTest
  @CsvSource({
    "blocks.8.hook_resid_pre, layers.7.resid",
    "blocks.0.hook_resid_pre, layers.0.resid_in",
    "blocks.*.hook_resid_pre, layers.*.resid_in",
    "blocks.8.attn.hook_q, layers.8.q_pre_rope",
    "blocks.8.attn.hook_rot_k, layers.8.k",
    "blocks.8.attn.hook_v, layers.8.v",
    "blocks.8.attn.hook_z, layers.8.z",
    "blocks.8.hook_attn_out, layers.8.attn_out",
    "blocks.2-4.hook_attn_out, layers.2-4.attn_out",
    "blocks.8.hook_resid_mid, layers.8.resid_mid",
    "blocks.8.mlp.hook_post, layers.8.mlp_act",
    "blocks.8.hook_mlp_out, layers.8.mlp_out",
    "blocks.8.hook_resid_post, layers.8.resid",
    "layers.8.attn_in, layers.8.attn_in",
  })
  void translates(String theirs, String ours) {
    assertThat(TransformerLensNames.translated(theirs, "pythia-70m")).isEqualTo(ours);
  }

  @ParameterizedTest
  @CsvSource({
    "layers.3.resid_in, blocks.3.hook_resid_pre",
    "layers.3.z, blocks.3.attn.hook_z",
    "layers.3.attn_out, blocks.3.hook_attn_out",
    "layers.3.resid_mid, blocks.3.hook_resid_mid",
    "layers.3.mlp_act, blocks.3.mlp.hook_post",
    "layers.3.mlp_out, blocks.3.hook_mlp_out",
    "layers.3.resid, blocks.3.hook_resid_post",
  })
  void namesWhatHasACounterpart(String ours, String theirs) {
    assertThat(TransformerLensNames.of(ours, "gpt2")).contains(theirs);
    assertThat(TransformerLensNames.of("layers.3.attn_in", "gpt2")).isEmpty();
    assertThat(TransformerLensNames.of("layers.3.mlp_in", "gpt2")).isEmpty();
  }

  /** Where nothing is rotated, TransformerLens has one hook for both. */
  @ParameterizedTest
  @CsvSource({
    "layers.3.q, pythia-70m, blocks.3.attn.hook_rot_q",
    "layers.3.k_pre_rope, pythia-70m, blocks.3.attn.hook_k",
    "layers.3.q, gpt2-small, blocks.3.attn.hook_q",
    "layers.3.k, bert-base-uncased, blocks.3.attn.hook_k",
    "layers.3.k, ModernBERT-base, blocks.3.attn.hook_rot_k",
    "layers.3.v, gpt2, blocks.3.attn.hook_v",
    "layers.3.q, Qwen3-0.6B, blocks.3.attn.hook_rot_q",
  })
  void namesQueriesAndKeys(String ours, String model, String theirs) {
    assertThat(TransformerLensNames.of(ours, model)).contains(theirs);
    assertThat(TransformerLensNames.of("layers.3.q_pre_rope", "Qwen3-0.6B")).isEmpty();
  }

  /** TransformerLens's norms have hooks before their weight, and Gemma's blocks norms behind. */
  @ParameterizedTest
  @CsvSource({
    "blocks.3.ln2.hook_normalized, gpt2, 'before the norm''s weight is applied; mlp_in'",
    "blocks.3.ln1.hook_normalized, gpt2, 'before the norm''s weight is applied; attn_in'",
    "blocks.3.hook_attn_out, google/gemma-2-2b, after the norm that follows the block",
    "blocks.3.hook_mlp_out, gemma2, after the norm that follows the block",
    "blocks.3.hook_q, gpt2, none of the TransformerLens names",
    "blocks.3.attn.hook_q, qwen3, before the norm of queries and keys",
    "blocks.3.attn.hook_pattern, gpt2, LayerPattern",
    "blocks.x.hook_resid_post, gpt2, none of the TransformerLens names",
  })
  void refusesWhatHasNone(String name, String model, String reason) {
    assertThatThrownBy(() -> TransformerLensNames.translated(name, model))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(name)
        .hasMessageContaining(reason);
  }

  @Test
  void theStreamOfAModelWithNormsBehindItsBlocksIsTheSame() {
    assertThat(TransformerLensNames.hook("blocks.3.hook_resid_mid", "gemma2"))
        .contains("layers.3.resid_mid");
  }
}
