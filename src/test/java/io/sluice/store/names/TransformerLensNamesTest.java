package io.sluice.store.names;

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
    "blocks.8.mlp.hook_in, layers.8.mlp_in",
    "blocks.8.attn.hook_out, layers.8.attn_out",
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

  /** What sparsify, dictionary_learning and nnsight name by the path of a module. */
  @ParameterizedTest
  @CsvSource({
    "layers.8, llama, layers.8.resid",
    "model.layers.8.output, llama, layers.8.resid",
    "layers.*.mlp, llama, layers.*.mlp_out",
    "model.layers.8.mlp.down_proj, gemma2, layers.8.mlp_out",
    "model.layers.8.self_attn, gemma2, layers.8.attn_out",
    "transformer.h.8.attn, gpt2, layers.8.attn_out",
    "h.8.ln_2, gpt2, layers.8.mlp_in",
    "gpt_neox.layers.2-4.attention.dense, pythia-70m, layers.2-4.attn_out",
    "model.layers.8.post_attention_layernorm, llama, layers.8.mlp_in",
    "model.layers.8.post_attention_layernorm, gemma2, model.layers.8.post_attention_layernorm",
    "model.layers.8.self_attn.k_proj, llama, layers.8.k_pre_rope",
    "model.layers.8.self_attn.k_proj, qwen3, model.layers.8.self_attn.k_proj",
    "model.layers.3.attn.Wo, ModernBERT-base, layers.3.attn_out",
    "layers.3.mlp_norm, modernbert, layers.3.mlp_in",
    "encoder.layer.3, bert, layers.3.resid",
    "bert.encoder.layer.3.attention, bert, layers.3.resid_mid",
    "encoder.layer.3.attention.output.dense, bert, layers.3.attn_out",
    "layers.3.z, llama, layers.3.z",
    "model.embed_tokens, llama, model.embed_tokens",
  })
  void translatesPathsOfModules(String path, String model, String ours) {
    assertThat(TransformerLensNames.translated(path, model)).isEqualTo(ours);
    assertThat(TransformerLensNames.known(path, model)).isEqualTo(ours);
  }

  @Test
  void theStreamBetweenTwoLayersHasTwoNames() {
    assertThat(TransformerLensNames.otherName("layers.7.resid")).contains("layers.8.resid_in");
    assertThat(TransformerLensNames.otherName("layers.8.resid_in")).contains("layers.7.resid");
    assertThat(TransformerLensNames.otherName("layers.0.resid_in")).isEmpty();
    assertThat(TransformerLensNames.otherName("layers.*.resid_in")).isEmpty();
    assertThat(TransformerLensNames.otherName("layers.1.z")).isEmpty();
    assertThat(TransformerLensNames.known("blocks.3.ln1.hook_scale", "gpt2"))
        .isEqualTo("blocks.3.ln1.hook_scale");
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
    // The block's own output, before the norm.
    assertThat(TransformerLensNames.hook("blocks.3.mlp.hook_out", "gemma2"))
        .contains("layers.3.mlp_out");
  }
}
