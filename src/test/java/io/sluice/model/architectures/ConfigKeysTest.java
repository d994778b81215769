package io.sluice.model.architectures;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.Demo;
import io.sluice.model.TinyModel;
import io.sluice.model.bert.BertCheckpoint;
import io.sluice.model.bert.BertFamily;
import io.sluice.model.bert.ModernBertCheckpoint;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.MlpActivation;
import io.sluice.model.tokens.EndOfText;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The tables of configuration keys, against the classes of transformers and published files. */
class ConfigKeysTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;

  static Stream<String> labels() {
    return Stream.concat(
        architectures().map(Architecture::label),
        Stream.concat(
            Stream.of(BertFamily.values()).map(BertFamily::label),
            Stream.of(ModernBertCheckpoint.LABEL)));
  }

  static Stream<Architecture> architectures() {
    return Architectures.builtIn().all().stream();
  }

  private static KeyTable keys(String label) {
    if (label.equals(ModernBertCheckpoint.LABEL)) {
      return ModernBertCheckpoint.keys();
    }
    BertFamily family = BertFamily.ofLabel(label);
    return family != null ? family.keys() : Architectures.builtIn().ofLabel(label).configKeys();
  }

  @ParameterizedTest
  @MethodSource("labels")
  void knowsEveryKeyOfTheConfigurationClass(String architecture) throws IOException {
    JsonNode keys = JSON.readTree(Demo.GOLDEN.resolve("config-keys.json").toFile());
    KeyTable own = keys(architecture);
    List<String> unknown = new ArrayList<>();
    keys.get(architecture)
        .fieldNames()
        .forEachRemaining(
            key -> {
              if (!own.knows(key) && !CommonKeys.table().knows(key)) {
                unknown.add(key);
              }
            });
    assertThat(unknown).isEmpty();
    keys.get("generation")
        .forEach(key -> assertThat(CommonKeys.table().knows(key.asText())).isTrue());
  }

  @ParameterizedTest
  @EnumSource
  void readsEveryKeyThatItHonours(TinyModel tiny) throws IOException {
    ConfigFile file = ConfigFile.read(tiny.folder().resolve("config.json"));
    String architecture = file.text("model_type", "");
    CausalConfigFile.read(file, Architectures.builtIn().ofLabel(architecture));
    EndOfText.of(file);
    assertThat(file.read()).containsExactlyInAnyOrderElementsOf(honoured(architecture));
  }

  @Test
  void readsEveryKeyOfAnEncoderThatItHonours() throws IOException {
    ConfigFile file = ConfigFile.read(Demo.TINY.resolve("config.json"));
    file.text("model_type", "");
    BertCheckpoint.of(
        BertFamily.BERT, file, Safetensors.open(Demo.TINY.resolve("model.safetensors")));
    assertThat(file.read()).containsExactlyInAnyOrderElementsOf(honoured("bert"));
  }

  @Test
  void readsEveryKeyOfRobertaThatItHonours() throws IOException {
    Path model = Demo.GOLDEN.resolve("tiny-roberta");
    ConfigFile file = ConfigFile.read(model.resolve("config.json"));
    file.text("model_type", "");
    BertCheckpoint.of(
        BertFamily.ROBERTA, file, Safetensors.open(model.resolve("model.safetensors")));
    assertThat(file.read()).containsExactlyInAnyOrderElementsOf(honoured("roberta"));
  }

  @Test
  void readsEveryKeyOfModernBertThatItHonours() throws IOException {
    ConfigFile file =
        ConfigFile.read(Demo.GOLDEN.resolve("tiny-modernbert").resolve("config.json"));
    file.text("model_type", "");
    ModernBertCheckpoint.of(file);
    assertThat(file.read()).containsExactlyInAnyOrderElementsOf(honoured("modernbert"));
  }

  private static Set<String> honoured(String architecture) {
    Set<String> keys = new TreeSet<>(CommonKeys.table().honoured());
    keys.addAll(keys(architecture).honoured());
    return keys;
  }

  /** A file that says nothing has the sizes of the class, as transformers would have it. */
  @ParameterizedTest
  @MethodSource("architectures")
  void missingKeysHaveTheDefaultsOfTheClass(Architecture architecture) throws IOException {
    JsonNode defaults =
        JSON.readTree(Demo.GOLDEN.resolve("config-keys.json").toFile())
            .get(architecture.label().equals("gemma3") ? "gemma3_text" : architecture.label());
    CausalConfig config =
        CausalConfigFile.read(
            config("{\"model_type\": \"%s\"}", architecture.label()), architecture);
    assertThat(config.vocabulary()).isEqualTo(defaults.get("vocab_size").intValue());
    assertThat(config.layers()).isEqualTo(number(defaults, "num_hidden_layers", "n_layer"));
    assertThat(config.dModel()).isEqualTo(number(defaults, "hidden_size", "n_embd"));
    assertThat(config.positions())
        .isEqualTo(number(defaults, "max_position_embeddings", "n_positions"));
    int heads = number(defaults, "num_attention_heads", "n_head");
    assertThat(config.attention().heads()).isEqualTo(heads);
    assertThat(config.attention().keyValueHeads())
        .isEqualTo(defaults.path("num_key_value_heads").asInt(heads));
    assertThat(config.attention().headDim())
        .isEqualTo(defaults.path("head_dim").asInt(config.dModel() / heads));
    assertThat(config.intermediate())
        .isEqualTo(defaults.path("intermediate_size").asInt(4 * config.dModel()));
    assertThat(config.tiedHead()).isEqualTo(defaults.get("tie_word_embeddings").booleanValue());
    String function =
        Stream.of("hidden_act", "hidden_activation", "activation_function")
            .map(defaults::path)
            .filter(JsonNode::isTextual)
            .findFirst()
            .orElseThrow()
            .textValue();
    assertThat(config.activation())
        .isEqualTo(MlpActivation.read(config("{\"a\": \"%s\"}", function), "a", "nothing"));
    double epsilon =
        Stream.of("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")
            .map(defaults::path)
            .filter(JsonNode::isNumber)
            .findFirst()
            .orElseThrow()
            .doubleValue();
    assertThat(config.normEpsilon()).isEqualTo(epsilon);
  }

  private static int number(JsonNode json, String name, String other) {
    return json.path(name).isNumber() ? json.get(name).intValue() : json.get(other).intValue();
  }

  private ConfigFile config(String json, Object... values) throws IOException {
    Path file = folder.resolve("config.json");
    Files.writeString(file, json.formatted(values));
    return ConfigFile.read(file);
  }

  /** The keys of files as they are published, besides those of the classes of today. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          llama    | "is_llama_config": true, "rope_interleaved": false, "pretraining_tp": 1, "rope_scaling": null, "rope_theta": 100000, "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}}
          llama    | "_name_or_path": "x", "max_sequence_length": 2048, "pad_token_id": -1, "torch_dtype": "float16"
          llama    | "eos_token_id": [128001, 128008], "head_dim": 64, "mlp_bias": false, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "unsloth_fixed": true
          mistral  | "sliding_window": null, "rope_theta": 1000000.0, "attention_dropout": 0.0, "head_dim": 128
          qwen2    | "max_window_layers": 28, "sliding_window": 131072, "use_sliding_window": false, "use_mrope": false, "tie_word_embeddings": false
          qwen3    | "attention_bias": false, "max_window_layers": 36, "rope_scaling": null, "sliding_window": null, "use_sliding_window": false
          gemma2   | "cache_implementation": "hybrid", "hidden_act": "gelu_pytorch_tanh", "sliding_window_size": 4096, "query_pre_attn_scalar": 224
          gemma    | "hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh", "rope_scaling": null, "rope_theta": 10000.0
          gemma    | "hidden_act": "gelu_pytorch_tanh", "hidden_activation": null
          gemma3_text | "attn_logit_softcapping": null, "cache_implementation": "hybrid", "final_logit_softcapping": null, "query_pre_attn_scalar": 256, "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6
          gemma3   | "boi_token_index": 255999, "eoi_token_index": 256000, "eos_token_id": [1, 106], "image_token_index": 262144, "mm_tokens_per_image": 256, "text_config": {"hidden_size": 2560}, "vision_config": {"hidden_size": 1152}
          phi3     | "attention_bias": false, "rope_scaling": null, "sliding_window": 2047, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}
          phi3     | "full_attn_mod": 1, "interpolate_factor": 1, "lm_head_bias": false, "mlp_bias": false, "partial_rotary_factor": 0.75, "sliding_window": 262144
          olmo2    | "attention_bias": false, "rope_scaling": null, "rope_theta": 500000, "num_key_value_heads": 16
          starcoder2 | "attention_softmax_in_fp32": true, "layer_norm_epsilon": 1e-05, "mlp_type": "default", "norm_epsilon": 1e-05, "norm_type": "layer_norm", "rope_theta": 999999.4420358813, "scale_attention_softmax_in_fp32": true, "scale_attn_weights": true, "use_bias": true
          gpt2     | "n_ctx": 1024, "summary_type": "cls_index", "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "_num_labels": 1, "output_past": true
          gpt_neox | "rotary_emb_base": 10000, "rotary_pct": 0.25, "attention_probs_dropout_prob": 0, "hidden_dropout_prob": 0, "use_parallel_residual": true, "custom_pipelines": {}
          bert     | "directionality": "bidi", "pooler_fc_size": 768, "pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3, "pooler_size_per_head": 128, "pooler_type": "first_token_transform", "position_embedding_type": "absolute"
          roberta  | "position_embedding_type": "absolute", "gradient_checkpointing": false, "pad_token_id": 1, "classifier_dropout": null
          modernbert | "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "local_attention": 128, "layer_norm_eps": 1e-05, "position_embedding_type": "absolute", "reference_compile": false, "repad_logits_with_grad": false, "decoder_bias": true, "norm_bias": false, "gradient_checkpointing": false
          xlm-roberta | "output_past": true, "pad_token_id": 1, "type_vocab_size": 1, "max_position_embeddings": 514
          bert     | "gradient_checkpointing": false, "id2label": {"0": "LABEL_0"}, "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity", "classifier_dropout": null
          """)
  void takesTheKeysOfPublishedFiles(String architecture, String keys) {
    assertThatCode(() -> CommonKeys.check(config("{%s}", keys), keys(architecture)))
        .doesNotThrowAnyException();
  }

  /** Other models that call themselves by a name that Sluice knows. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          bert  | "alibi_starting_size": 512                            | alibi_starting_size
          bert  | "position_embedding_type": "alibi"                    | position_embedding_type
          bert  | "glyph_embedding_dim": 1728                           | glyph_embedding_dim
          llama | "num_local_experts": 8                                | num_local_experts
          llama | "quantization_config": {"quant_method": "gptq"}       | 'gptq'
          llama | "quantization_config": {"quant_method": "fp8"}        | 'fp8'
          llama | "quantization_config": {"load_in_8bit": true}         | 'bitsandbytes'
          llama | "quantization": {"bits": 4}                           | quantization
          gemma | "hidden_act": "gelu", "hidden_activation": "relu"     | hidden_activation
          gemma3_text | "attn_logit_softcapping": 50.0                  | attn_logit_softcapping
          gemma3 | "tie_word_embeddings": false                         | tie_word_embeddings
          phi3  | "interpolate_factor": 2                               | interpolate_factor
          olmo2 | "clip_qkv": 8.0                                       | clip_qkv
          starcoder2 | "norm_type": "rms_norm"                          | norm_type
          qwen2 | "is_causal": false                                    | is_causal
          qwen2 | "dual_chunk_attention_config": {"chunk_size": 262144} | dual_chunk_attention_config
          llama | "\\u001b[31mred\\u0007": 1                            | u001b[31mred
          """)
  void refusesByNameWhatItDoesNotKnow(String architecture, String keys, String message) {
    assertThatThrownBy(() -> CommonKeys.check(config("{%s}", keys), keys(architecture)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message)
        .message()
        .matches("\\P{Cntrl}*");
  }
}
