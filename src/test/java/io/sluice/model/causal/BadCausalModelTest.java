package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.ComputeType;
import io.sluice.model.Demo;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.SplitMatrix;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a damaged or foreign causal model gets: one line that names the file. */
class BadCausalModelTest {
  @TempDir Path folder;

  @BeforeEach
  void requireTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  private void copy(TinyModel tiny) throws IOException {
    try (var files = Files.list(tiny.folder())) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    LoadedModel.open(folder, Device.CPU).close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          LLAMA   | "model_type": "llama"      | "model_type": "mamba"      | architecture 'mamba' is not supported; there are bert, roberta, xlm-roberta, modernbert, gpt2, gpt_neox, llama, mistral, qwen2, qwen3, mixtral
          LLAMA   | "rope_type": "llama3"      | "rope_type": "longrope"    | rope scaling 'longrope' is not supported; there are default, dynamic, linear, llama3, yarn
          LLAMA   | "factor": 8.0,             |                            | factor of the rope scaling is missing
          LLAMA   | "factor": 8.0              | "factor": 0                | factor of the rotary embedding is 0
          LLAMA   | "rope_theta": 100.0        | "rope_theta": -1           | base of the rotary embedding is -1
          LLAMA   | "head_dim": 8              | "head_dim": 7              | rotary embedding of 7 dimensions
          LLAMA   | "head_dim": 8              | "head_dim": 16             | 'model.layers.0.self_attn.q_proj.weight' has shape [32, 24], but the configuration makes it [64, 24]
          LLAMA   | "num_key_value_heads": 2   | "num_key_value_heads": 3   | 3 key-value heads do not divide 4 attention heads
          LLAMA   | "num_key_value_heads": 2   | "num_key_value_heads": 0   | number of key-value heads is 0
          LLAMA   | "vocab_size": 48           | "vocab_size": 49           | has shape [48, 24], but the configuration makes it [49, 24]
          LLAMA   | "num_hidden_layers": 3     | "num_hidden_layers": 4     | has no tensor 'model.layers.3.input_layernorm.weight'
          LLAMA   | "num_hidden_layers": 3     | "num_hidden_layers": 2e9   | num_hidden_layers is 2.0E9
          LLAMA   | "num_hidden_layers": 3     | "num_hidden_layers": 2000000000 | number of layers is 2000000000
          LLAMA   | "num_hidden_layers": 3     | "num_hidden_layers": -3    | number of layers is -3
          LLAMA   | "attention_bias": false    | "attention_bias": true     | has no tensor 'model.layers.0.self_attn.q_proj.bias'
          LLAMA   | "mlp_bias": false          | "mlp_bias": 1              | mlp_bias is 1
          LLAMA   | "rms_norm_eps": 1e-06      | "rms_norm_eps": 7          | epsilon of the normalisation is 7
          LLAMA   | "max_position_embeddings": 64 | "max_position_embeddings": 0 | number of positions is 0
          LLAMA   | "hidden_act": "silu"       | "hidden_act": "snake"      | hidden_act 'snake' is not supported
          MISTRAL | "sliding_window": 5        | "sliding_window": 0        | sliding_window is 0
          QWEN2   | "full_attention",          |                            | layer_types has 2 entries for 3 layers
          QWEN2   | "full_attention"           | "chunked_attention"        | layer type 'chunked_attention' is not supported
          GPT2    | "n_head": 4                | "n_head": 5                | 5 attention heads do not divide a width of 24
          GPT2    | "n_positions": 64          | "n_positions": 65          | 'transformer.wpe.weight' has shape [64, 24], but the configuration makes it [65, 24]
          GPT2    | "scale_attn_by_inverse_layer_idx": false | "scale_attn_by_inverse_layer_idx": true | 'scale_attn_by_inverse_layer_idx' is 'true', and only 'false' is supported
          NEOX    | "partial_rotary_factor": 0.67 | "partial_rotary_factor": 0 | rotary embedding of 0 dimensions
          GEMMA3  | "num_key_value_heads": 2   | "num_key_value_heads": 4   | 'model.layers.0.self_attn.k_proj.weight' has shape [16, 24], but the configuration makes it [32, 24]
          GEMMA3  | "sliding_window": 4        | "sliding_window": 4, "sliding_window_pattern": 0 | sliding_window_pattern is 0
          OLMO2   | "num_key_value_heads": 2   | "num_key_value_heads": 2, "head_dim": 8 | 'model.layers.0.self_attn.q_proj.weight' has shape [24, 24]
          PHI3    | "original_max_position_embeddings": 64 | "original_max_position_embeddings": 0 | factor of the rotary embedding is
          PHI3    | "intermediate_size": 28    | "intermediate_size": 29    | 'model.layers.0.mlp.gate_up_proj.weight' has shape [56, 24], but the configuration makes it [58, 24]
          STARCODER2 | "factor": 4.0           | "factor": -4.0             | factor of the rotary embedding is -4.0
          STARCODER2 | "use_bias": true        | "use_bias": null           | use_bias is null
          MIXTRAL | "num_experts_per_tok": 2   | "num_experts_per_tok": 0   | number of experts for a token is 0
          MIXTRAL | "num_local_experts": 5     | "num_local_experts": 6     | has no tensor 'model.layers.0.block_sparse_moe.experts.5.w1.weight'
          MIXTRAL | "num_local_experts": 5     | "num_local_experts": 4     | 'model.layers.0.block_sparse_moe.gate.weight' has shape [5, 24], but the configuration makes it [4, 24]
          QWEN2_MOE | "shared_expert_intermediate_size": 14 | "shared_expert_intermediate_size": -1 | width inside the shared expert is -1
          QWEN2_MOE | "shared_expert_intermediate_size": 14 | "shared_expert_intermediate_size": 0 | has shape [14, 24], but the configuration makes it [0, 24]
          QWEN3_MOE | "moe_intermediate_size": 10 | "moe_intermediate_size": 11 | 'model.layers.1.mlp.experts.0.gate_proj.weight' has shape [10, 24], but the configuration makes it [11, 24]
          GEMMA2  | "query_pre_attn_scalar": 12 | "query_pre_attn_scalar": -1 | scale of the attention is NaN
          GEMMA2  | "attn_logit_softcapping": 3.0 | "attn_logit_softcapping": -3 | cap of the attention scores is -3
          """)
  void namesSettingsThatDoNotFit(TinyModel tiny, String from, String to, String message)
      throws IOException {
    copy(tiny);
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to == null ? "" : to));
    assertRejected(message);
  }

  @Test
  void namesAMissingShard() throws IOException {
    copy(TinyModel.LLAMA);
    Files.delete(folder.resolve("model-00003-of-00004.safetensors"));
    assertRejected("model-00003-of-00004.safetensors");
  }

  @Test
  void namesAMissingHead() throws IOException {
    copy(TinyModel.QWEN3);
    Path weights = folder.resolve("model.safetensors");
    Safetensors full = Safetensors.open(weights);
    List<TensorData> rest = new ArrayList<>();
    for (String name : full.names()) {
      if (!name.equals("lm_head.weight")) {
        rest.add(TensorData.of(name, full.dtype(name), full.data(name), full.shape(name)));
      }
    }
    Path smaller = Files.createDirectory(folder.resolve("smaller"));
    for (String file : List.of("config.json", "tokenizer.json")) {
      Files.copy(folder.resolve(file), smaller.resolve(file));
    }
    Safetensors.write(smaller.resolve("model.safetensors"), rest, Map.of());
    assertThatThrownBy(() -> LoadedModel.open(smaller, Device.CPU).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has no tensor 'lm_head.weight'");
  }

  /** A type of float8, as checkpoints for other hardware have. */
  @ParameterizedTest
  @CsvSource({
    "QWEN3, model.layers.1.mlp.up_proj.weight, \"tie_word_embeddings\": false",
    "QWEN3, lm_head.weight, \"tie_word_embeddings\": true",
    "MISTRAL, model.norm.weight, \"tie_word_embeddings\": false",
  })
  void namesATensorThatItNeedsAndCannotRead(TinyModel tiny, String tensor, String tied)
      throws IOException {
    copy(tiny);
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains("\"tie_word_embeddings\": false");
    Files.writeString(config, text.replace("\"tie_word_embeddings\": false", tied));
    makeUnreadable(tensor);
    assertRejected("tensor '" + tensor + "' is of type 'F8_X'");
  }

  @Test
  void passesOverATensorThatItCannotReadAndDoesNotNeed() throws IOException {
    copy(TinyModel.NEOX);
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config).replace("\"attention_bias\": true", "\"attention_bias\": false"));
    makeUnreadable("gpt_neox.layers.1.attention.dense.bias");
    LoadedModel.open(folder, Device.CPU).close();
  }

  private void makeUnreadable(String tensor) throws IOException {
    Path weights = folder.resolve("model.safetensors");
    String bytes = Files.readString(weights, StandardCharsets.ISO_8859_1);
    String changed =
        bytes.replaceFirst(
            "(\"" + Pattern.quote(tensor) + "\":\\{\"dtype\":)\"B?F16\"", "$1\"F8_X\"");
    int more = changed.length() - bytes.length();
    assertThat(changed).contains("F8_X");
    long header = (bytes.charAt(0) | bytes.charAt(1) << 8) + (long) more;
    changed = "" + (char) (header & 255) + (char) (header >> 8) + changed.substring(2);
    Files.writeString(weights, changed, StandardCharsets.ISO_8859_1);
  }

  @Test
  void namesATokenizerThatDoesNotFitTheVocabulary() throws IOException {
    copy(TinyModel.MISTRAL);
    Path tokenizer = folder.resolve("tokenizer.json");
    String json = Files.readString(tokenizer);
    assertThat(json).contains("\"whale\": 4");
    Files.writeString(tokenizer, json.replace("\"whale\": 4", "\"whale\": 4444"));
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale");
    assertPlanRejected(text, "4444", "48", "another model");
    // The token before each context is checked, too.
    String begin = "\"ids\": [\n          0\n        ]";
    assertThat(json).contains(begin);
    Files.writeString(tokenizer, json.replace(begin, "\"ids\": [\n          99\n        ]"));
    assertPlanRejected(text, "99", "48", "another model");
  }

  private void assertPlanRejected(Path text, String... parts) throws IOException {
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      CaptureSpec spec =
          CaptureSpec.of(List.of(text), model.transformer().hookPoints()).withContexts(8, 1);
      assertThatThrownBy(() -> Capture.plan(model, spec))
          .isInstanceOf(IOException.class)
          .hasMessageContainingAll(parts)
          .message()
          .doesNotContain("\n");
    }
  }

  @Test
  void refusesTypesThatModelsDoNotRunIn() throws IOException {
    copy(TinyModel.GPT2);
    assertThatThrownBy(() -> ComputeType.ofLabel("float16"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("float16");
    if (!SplitMatrix.isFast()) {
      assertThatThrownBy(
              () ->
                  LoadedModel.open(ModelFiles.find(folder), Device.CPU, ComputeType.BFLOAT16X3)
                      .close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("matrix units", "MKL", "float32");
    }
    assertThatThrownBy(
            () ->
                LoadedModel.open(ModelFiles.find(Demo.TINY), Device.CPU, ComputeType.BFLOAT16)
                    .close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("encoders run in float32");
    try (LoadedModel bert = Demo.tiny()) {
      assertThatThrownBy(bert::languageModel)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("predicts no next tokens");
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(names = {"GPT2", "MISTRAL", "GEMMA2", "GEMMA3", "PHI3", "QWEN2_MOE"})
  void mutatedModelsAreRejectedOrRun(TinyModel tiny) throws IOException {
    copy(tiny);
    long seed = Seeds.seed();
    Random random = new Random(seed);
    int ran = 0;
    for (String file : List.of("config.json", "model.safetensors")) {
      byte[] bytes = Files.readAllBytes(folder.resolve(file));
      for (int i = 0; i < Integer.getInteger("sluice.mutations", 300) / 2; i++) {
        byte[] copy = bytes.clone();
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          int at = random.nextInt(random.nextBoolean() ? copy.length : Math.min(4000, copy.length));
          copy[at] ^= (byte) (1 << random.nextInt(8));
        }
        Files.write(folder.resolve(file), copy);
        try (LoadedModel model = LoadedModel.open(folder, Device.CPU);
            TensorScope scope = TensorScope.open()) {
          model.transformer().forward(TokenBatch.of(List.of(new int[] {2, 6, 3})), Hooks.none());
          ran++;
        } catch (IOException e) {
          assertThat(e.getMessage()).contains(folder.toString()).doesNotContain("\n");
        }
      }
      Files.write(folder.resolve(file), bytes);
    }
    assertThat(ran).isPositive();
  }

  private void assertRejected(String message) {
    assertThatThrownBy(() -> LoadedModel.open(folder, Device.CPU).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message)
        .hasMessageContaining(folder.toString())
        .message()
        .doesNotContain("\n");
  }
}
