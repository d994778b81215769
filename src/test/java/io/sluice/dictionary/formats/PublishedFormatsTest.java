package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import io.sluice.weights.PyTorchFile;
import io.sluice.weights.PyTorchWriter;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Dictionaries in the layouts in which large ones were published compute what their libraries
 * compute; see {@code src/test/python/published_dictionaries.py}.
 */
class PublishedFormatsTest {
  @TempDir private Path folder;

  static List<Path> golden() {
    try (Stream<Path> folders =
        Files.list(Path.of(ForeignRun.class.getResource("/golden/published").toURI()))) {
      return folders.sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What one names to read the dictionary of a golden folder: a folder or a file. */
  static Path place(Path golden) throws IOException {
    return golden.resolve(Files.readString(golden.resolve("place.txt")).strip());
  }

  private static Path named(String name) throws IOException {
    return golden().stream()
        .filter(golden -> golden.getFileName().toString().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("golden")
  void computesWhatItsLibraryComputes(Path golden) throws IOException {
    Path place = place(golden);
    DictionaryFormat format = DictionaryFormat.of(place);
    assertThat(golden.getFileName().toString()).startsWith(format.label() + "-");
    Dictionary dictionary = format.read(place, Origin.UNKNOWN);
    ForeignRun expected = ForeignRun.expected(golden);
    for (EngineFactory engines :
        List.of(EngineFactory.reference(), EngineFactory.vector(Workers.allCores()))) {
      ForeignRun.of(dictionary, golden, engines).assertAgrees(expected, golden.toString());
    }
  }

  @ParameterizedTest
  @MethodSource("golden")
  void goesThroughTheFormatsThatAreWritten(Path golden) throws IOException {
    Path place = place(golden);
    Dictionary dictionary = DictionaryFormat.of(place).read(place, Origin.UNKNOWN);
    ForeignRun expected = ForeignRun.expected(golden);
    int written = 0;
    for (DictionaryFormat format : DictionaryFormat.values()) {
      Path out = folder.resolve(format.label());
      try {
        format.write(dictionary, out);
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageContaining(" has no ").hasMessageContaining(";");
        assertThat(out).doesNotExist();
        continue;
      }
      written++;
      Dictionary again = DictionaryFormat.of(out).read(out, Origin.UNKNOWN);
      ForeignRun found = ForeignRun.of(again, golden, EngineFactory.reference());
      found.assertReconstructs(expected, golden.getFileName() + " to " + format.label());
    }
    assertThat(written).isPositive();
  }

  @ParameterizedTest
  @CsvSource({
    "gemma_scope-res, google/gemma-2-2b, layers.12.resid, layers.12.resid",
    "gemma_scope-att-deflated, google/gemma-2-9b-it, layers.12.z, layers.12.z",
    // After the norm that follows the MLP, where no hook point is.
    "gemma_scope-mlp-fortran, google/gemma-2-2b, blocks.12.hook_mlp_out, blocks.12.hook_mlp_out",
    "gemma_scope-transcoder-big-endian, google/gemma-2-2b, blocks.12.ln2.hook_normalized, blocks.12.hook_mlp_out",
    "gemma_scope_2-resid, google/gemma-3-1b-pt, layers.10.resid, layers.10.resid",
    "gemma_scope_2-attn, google/gemma-3-1b-pt, layers.3.z, layers.3.z",
    "gemma_scope_2-transcoder, google/gemma-3-1b-pt, layers.5.mlp_in, blocks.5.hook_mlp_out",
    "gemma_scope_2-unconfigured, google/gemma-3-1b-pt, layers.7.mlp_in, blocks.7.hook_mlp_out",
    "llama_scope-R, meta-llama/Llama-3.1-8B, layers.15.resid, layers.15.resid",
    "llama_scope-TC, meta-llama/Llama-3.1-8B, blocks.15.ln2.hook_normalized, layers.15.mlp_out",
    "llama_scope-topk, '', layers.3.attn_out, layers.3.attn_out",
    "pytorch-openai-topk, openai-community/gpt2, layers.6.mlp_out, layers.6.mlp_out",
    "pytorch-openai-relu, openai-community/gpt2, layers.11.mlp_act, layers.11.mlp_act",
    "pytorch-goodfire, meta-llama/Llama-3.1-8B-Instruct, layers.19.resid, layers.19.resid",
    "pytorch-deepseek, deepseek-ai/DeepSeek-R1-Distill-Llama-8B, layers.19.resid, layers.19.resid",
    "pytorch-qwen, Qwen/Qwen3-1.7B-Base, layers.5.resid, layers.5.resid",
    "pytorch-qwen-unconfigured, Qwen/Qwen3-1.7B-Base, layers.6.resid, layers.6.resid",
    "pytorch-hook-z, openai-community/gpt2, layers.5.z, layers.5.z",
    "circuit_tracer-relu, Qwen/Qwen3-4B, layers.1.mlp_in, layers.1.mlp_out",
    "circuit_tracer-jump, Qwen/Qwen3-4B, layers.1.resid_mid, layers.1.mlp_out",
  })
  void knowsModelAndHookPoints(String name, String model, String reads, String writes)
      throws IOException {
    Path place = place(named(name));
    DictionaryConfig config = DictionaryFormat.of(place).read(place, Origin.UNKNOWN).config();
    assertThat(config.model()).isEqualTo(model);
    assertThat(config.inputHook()).isEqualTo(reads);
    assertThat(config.outputHook()).isEqualTo(writes);
  }

  @ParameterizedTest
  @CsvSource({
    "gemma_scope_2-resid, '\"jump_relu\"', '\"relu\"', unknown architecture 'relu'",
    "gemma_scope_2-resid, '\"sae\"', '\"crosscoder\"', unknown type 'crosscoder'",
    "llama_scope-R, 'dataset-wise', 'token-wise', norm_activation is 'token-wise'",
    "llama_scope-R, '\"use_glu_encoder\": false', '\"use_glu_encoder\": true', use_glu_encoder",
    "llama_scope-R, '\"jumprelu\"', '\"gelu\"', unknown act_fn 'gelu'",
    "llama_scope-R, '\"jump_relu_threshold\": 0.3', '\"jump_relu_threshold\": -0.3', jump_relu_threshold is -0.3",
    "llama_scope-R, '\"in\": 3.5', '\"in\": 0', 'in'",
    "llama_scope-R, '\"d_sae\": 20', '\"d_sae\": 21', encoder.weight",
    "llama_scope-R, '\"d_sae\": 20', '\"d_sae\": 2147483647', encoder.weight",
    "llama_scope-R, '\"apply_decoder_bias_to_pre_encoder\": false,', '', apply_decoder_bias",
    "llama_scope-topk, '\"top_k\": 4', '\"top_k\": 99', top_k is 99",
    "gemma_scope_2-resid, '\"affine_connection\": false', '\"affine_connection\": true', 'affine_skip_connection' is missing",
    "gemma_scope_2-resid, '\"affine_connection\": false', '\"affine_connection\": 1', 'affine_connection' is neither",
    "pytorch-qwen, '\"k\": 4', '\"k\": 40', k is 40",
    "pytorch-qwen, 'resid_post', 'mlp', unknown hook_point 'mlp'",
    "pytorch-hook-z, 'act_name', 'act', act_name",
    "circuit_tracer-relu, 'transcoder_set', 'cross_layer_transcoder', cross_layer_transcoder",
    "circuit_tracer-relu, 'model_kind', 'kind', model_kind",
    "circuit_tracer-relu, 'scan: ', 'activation: gelu # ', unknown activation 'gelu'",
    "circuit_tracer-relu, 'scan: ', '<<: *', line 5",
    "circuit_tracer-relu, 'scan: ', 'activation: topk # ', activation is 'topk'",
    "circuit_tracer-skip, 'relu', 'topk', keeps the k largest pre-activations there even if they are negative",
  })
  void namesWhatIsWrongInTheConfig(String name, String from, String to, String expected)
      throws IOException {
    Path place = copy(named(name));
    Path inside = Files.isDirectory(place) ? place : place.getParent();
    Path config;
    try (Stream<Path> files = Files.list(inside)) {
      config = files.filter(file -> file.toString().matches(".*\\.(json|yaml)")).findAny().get();
    }
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRefused(place, expected);
  }

  @ParameterizedTest
  @MethodSource("golden")
  void namesATensorTooFewAndOneTooMany(Path golden) throws IOException {
    Path place = copy(golden);
    Path weights = weights(place);
    if (weights.toString().endsWith(".npz")) {
      return; // NumpyArchiveTest writes such files.
    }
    List<TensorData> tensors = tensors(weights);
    for (TensorData left : tensors) {
      String name = left.info().name();
      if (name.matches(
          "stats_.*|latents_.*|k|W_skip|affine_skip_connection|.*threshold|decoder.bias")) {
        continue;
      }
      write(weights, tensors.stream().filter(each -> each != left).toList());
      // Of a single file the tensors say which kind it is.
      boolean saysKind = name.matches("pre_bias|W_enc|encoder(_linear)?\\.weight");
      boolean alone = weights.toString().matches(".*\\.pth?");
      assertRefused(place, saysKind && alone ? "" : "'" + name + "' is missing");
    }
    List<TensorData> more = new ArrayList<>(tensors);
    more.add(TensorData.of("W_other", DType.F32, Arena.ofAuto().allocate(16), 2, 2));
    write(weights, more);
    assertRefused(place, "tensor 'W_other'");
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("golden")
  void damagedFilesAreErrorsOfOneLine(Path golden) throws IOException {
    Path place = copy(golden);
    DictionaryFormat format = DictionaryFormat.of(place);
    Random random = new Random(Seeds.seed());
    List<Path> files;
    try (Stream<Path> list = Files.walk(folder)) {
      files = list.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      byte[] good = Files.readAllBytes(file);
      for (int trial = 0; trial < 40; trial++) {
        byte[] bad = trial == 0 ? new byte[0] : Mutations.mutate(good, random);
        if (trial == 1) {
          bad = java.util.Arrays.copyOf(good, good.length / 2);
        }
        Files.write(file, bad);
        try {
          format.read(place, Origin.UNKNOWN);
        } catch (IOException e) {
          assertThat(e.getMessage()).as(Seeds.seed() + " " + file).doesNotContain("\n");
          assertThat(e.getMessage()).contains(folder.toString());
        }
      }
      Files.write(file, good);
    }
  }

  @Test
  void aThresholdBelowZeroIsRefusedWhereItLetsNegativeValuesThrough() throws IOException {
    Path place = copy(named("circuit_tracer-jump"));
    List<TensorData> tensors = new ArrayList<>(tensors(place));
    tensors.removeIf(each -> each.info().name().endsWith("threshold"));
    float[] thresholds = new float[20];
    thresholds[7] = -0.5f;
    tensors.add(TensorData.of("activation_function.threshold", thresholds, 20));
    write(place, tensors);
    assertRefused(place, "the threshold of feature 7 is -0.5");
  }

  @Test
  void aSetIsNamedByALayersFile() throws IOException {
    Path set = place(named("circuit_tracer-relu")).getParent();
    assertThatThrownBy(() -> DictionaryFormat.of(set))
        .isInstanceOf(IOException.class)
        .hasMessage(
            set
                + ": holds a transcoder for each of 2 layers; name the file of one: "
                + set
                + "/layer_0.safetensors");
    Path lists = folder.resolve("lists");
    Files.createDirectory(lists);
    Files.writeString(
        lists.resolve("config.yaml"),
        """
        # Gemma Scope's transcoders
        model_name: "google/gemma-2-2b"
        model_kind: 'transcoder_set'
        transcoders:
          - "hf://google/gemma-scope-2b-pt-transcoders/layer_0/width_16k/average_l0_76/params.npz"
          - "hf://google/gemma-scope-2b-pt-transcoders/layer_1/width_16k/average_l0_65/params.npz"
        """);
    assertRefused(
        lists,
        "name one of them, such as"
            + " 'hf://google/gemma-scope-2b-pt-transcoders/layer_0/width_16k/average_l0_76'");
  }

  private void assertRefused(Path place, String expected) {
    assertThatThrownBy(() -> DictionaryFormat.of(place).read(place, Origin.UNKNOWN))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }

  /** The place in a copy of a golden folder. */
  private Path copy(Path golden) throws IOException {
    try (Stream<Path> files = Files.walk(golden)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = golden.relativize(file).toString();
        if (!name.equals("expected.safetensors") && !name.equals("place.txt")) {
          Files.createDirectories(folder.resolve(name).getParent());
          Files.copy(file, folder.resolve(name));
        }
      }
    }
    return folder.resolve(golden.relativize(place(golden)));
  }

  private static Path weights(Path place) throws IOException {
    if (Files.isRegularFile(place)) {
      return place;
    }
    try (Stream<Path> files = Files.walk(place)) {
      return files
          .filter(file -> file.toString().matches(".*\\.(safetensors|npz)"))
          .findAny()
          .orElseThrow();
    }
  }

  /** Copies in memory, since the file will be replaced. */
  private static List<TensorData> tensors(Path file) throws IOException {
    TensorSource source =
        file.toString().matches(".*\\.pth?")
            ? PyTorchFile.openWithSettings(file)
            : Safetensors.open(file);
    return source.names().stream()
        .map(
            name -> {
              MemorySegment data = source.data(name);
              return new TensorData(
                  source.info(name),
                  Arena.ofAuto().allocate(Math.max(1, data.byteSize()), 64).copyFrom(data));
            })
        .toList();
  }

  private static void write(Path file, List<TensorData> tensors) throws IOException {
    if (file.toString().matches(".*\\.pth?")) {
      PyTorchWriter.write(file, tensors);
    } else {
      Safetensors.write(file, tensors, Map.of());
    }
  }
}
