package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.testing.Seeds;
import io.sluice.weights.PyTorchFile;
import io.sluice.weights.PyTorchWriter;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is wrong with another library's files is said in one line that names file and thing. */
class BadForeignFilesTest {
  @TempDir private Path folder;

  static List<Path> golden() {
    return ForeignRun.goldenFolders();
  }

  @ParameterizedTest
  @CsvSource({
    "saelens-standard, cfg.json, '\"standard\"', '\"temporal\"', unknown architecture 'temporal'",
    "saelens-standard, cfg.json, '\"d_sae\": 20', '\"d_sae\": 21', 'W_enc'",
    "saelens-standard, cfg.json, '\"d_sae\": 20', '\"d_sae\": 2147483647', 'W_enc'",
    "saelens-standard, cfg.json, '\"d_sae\": 20', '\"d_sae\": -1', 'd_sae'",
    "saelens-matching-pursuit, cfg.json, '\"d_sae\": 20', '\"d_sae\": 2147483647', 'W_dec'",
    "saelens-matching-pursuit, cfg.json, '\"d_in\": 6', '\"d_in\": 2147483647', 'W_dec'",
    "saelens-standard, cfg.json, '\"d_in\": 6', '\"d_in\": \"6\"', 'd_in'",
    "saelens-standard, cfg.json, '\"standard\"', '\"jumprelu\"', threshold' is missing",
    "saelens-standard, cfg.json, '\"normalize_activations\": \"none\"', '\"normalize_activations\": \"covariance_whitening\"', covariance_whitening",
    "saelens-layer-norm, cfg.json, '\"layer_norm\"', '\"batch_norm\"', 'batch_norm'",
    "saelens-jumprelu, cfg.json, '\"jumprelu\"', '\"standard\"', tensor 'threshold'",
    "saelens-topk, cfg.json, '\"k\": 4', '\"k\": 400', k is 400",
    "saelens-topk, cfg.json, '\"k\": 4,', '', 'k'",
    "saelens-topk, cfg.json, '{', '{{', not valid JSON",
    "saelens-matryoshka, cfg.json, '[8, 20]', '[8, 8]', matryoshka_widths",
    "saelens-matryoshka, cfg.json, '[8, 20]', '\"8\"', 'matryoshka_widths'",
    "saelens-matryoshka-checkpoint, cfg.json, '[8, 20]', '[-8, 20]', matryoshka_widths",
    "saelens-transcoder, cfg.json, '\"d_out\": 5', '\"d_out\": 6', W_dec",
    "sparsify-topk, cfg.json, '\"topk\"', '\"groupmax\"', unknown activation 'groupmax'",
    "sparsify-topk, cfg.json, '\"skip_connection\": false', '\"skip_connection\": true', W_skip",
    "sparsify-topk, cfg.json, '\"k\": 4', '\"k\": 4, \"encoder_pkm\": true', 'encoder_pkm'",
    "sparsify-signed, cfg.json, '\"signed\": true', '\"signed\": 1', 'signed'",
    "saelens-standard, cfg.json, '\"hook_name\"', '\"hook_head_index\": 3, \"hook_name\"', --hook",
    "saelens-standard, cfg.json, '\"reshape_activations\": \"none\"', '\"reshape_activations\": \"x\"', 'x'",
    "saelens-standard, cfg.json, '\"d_in\": 6', '\"d_in\": 6, \"is_transcoder\": true', is_transcoder",
    "saelens-standard, cfg.json, '\"normalize_activations\": \"none\"', '\"normalize_activations\": 3', normalize",
    "saelens-transcoder, cfg.json, '\"apply_b_dec_to_input\": false', '\"apply_b_dec_to_input\": true', apply_b_dec",
    "saelens-2024-topk, cfg.json, '\"k\": 4', '\"k\": NaN', 'k'",
    "saelens-2024-topk, cfg.json, '\"topk\"', '\"tanh-relu\"', tanh-relu",
    "sparsify-topk, cfg.json, '\"k\": 4', '\"k\": 21', k is 21",
    "sparsify-topk, cfg.json, '\"num_latents\": 20', '\"num_latents\": 7', encoder.weight",
    "llamascopium-topk, config.json, '\"topk\"', '\"gelu\"', unknown act_fn 'gelu'",
    "llamascopium-topk, config.json, 'dataset-wise', 'token-wise', token-wise",
    "llamascopium-topk, config.json, '\"sae\"', '\"lorsa\"', unknown sae_type 'lorsa'",
    "llamascopium-topk, config.json, '\"use_glu_encoder\": false', '\"use_glu_encoder\": true', glu",
    "llamascopium-topk, config.json, '\"expansion_factor\": 3', '\"expansion_factor\": 999999999993', 'factor'",
    "llamascopium-topk, config.json, '\"top_k\": 4', '\"top_k\": 99', top_k is 99",
    "llamascopium-topk, config.json, 'blocks.0', 'blocks.1', is missing",
    "dictionary_learning-AutoEncoderTopK, config.json, '\"AutoEncoderTopK\"', '\"Evil\"', 'Evil'",
    "dictionary_learning-AutoEncoderTopK, config.json, '\"AutoEncoderTopK\"', '\"AutoEncoder\"', bias",
    "dictionary_learning-AutoEncoderTopK, config.json, '\"dict_size\": 20', '\"dict_size\": 2', [20, 6]",
    "dictionary_learning-AutoEncoderTopK, config.json, '\"trainer\"', '\"trainers\"', dict_class",
  })
  void namesWhatIsWrongInTheConfig(
      String name, String file, String from, String to, String expected) throws IOException {
    copy(DictionaryFormatTest.goldenFolder(name));
    Path config = folder.resolve(file);
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRefused(formatOf(name), expected);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("golden")
  void namesATensorTooFewAndATensorTooMany(Path golden) throws IOException {
    DictionaryFormat format = copy(golden);
    Path weights = weights(format);
    List<TensorData> tensors = tensors(weights);
    for (TensorData left : tensors) {
      String name = left.info().name();
      if (name.startsWith("dataset_average") || name.equals("k") || name.equals("group_sizes")) {
        continue;
      }
      boolean mayLack =
          golden.endsWith("dictionary_learning-AutoEncoderTopK")
              || golden.endsWith("dictionary_learning-BatchTopKSAE");
      if (mayLack && name.equals("threshold") || name.equals("scaling_factor")) {
        continue;
      }
      write(weights, tensors.stream().filter(each -> each != left).toList());
      assertRefused(format, "'" + name + "' is missing");
    }
    List<TensorData> more = new ArrayList<>(tensors);
    more.add(TensorData.of("W_other", DType.F32, Arena.ofAuto().allocate(16), 2, 2));
    write(weights, more);
    assertRefused(format, "has a tensor 'W_other'");
  }

  @Test
  void namesAScaleOfFineTuningThatIsNotOne() throws IOException {
    DictionaryFormat format = copy(DictionaryFormatTest.goldenFolder("saelens-2024-spring"));
    Path weights = weights(format);
    List<TensorData> tensors =
        new ArrayList<>(
            tensors(weights).stream()
                .filter(each -> !each.info().name().equals("scaling_factor"))
                .toList());
    for (float odd : new float[] {1.001f, 0, Float.NaN}) {
      float[] scale = new float[20];
      java.util.Arrays.fill(scale, 1);
      scale[13] = odd;
      tensors.add(TensorData.of("scaling_factor", scale, scale.length));
      write(weights, tensors);
      assertRefused(
          format, "finetuning_scaling_factor is not true, but there is a fine-tuning scale");
      tensors.removeLast();
    }
  }

  @Test
  void namesGroupsThatAreNotTheFeatures() throws IOException {
    DictionaryFormat format =
        copy(DictionaryFormatTest.goldenFolder("dictionary_learning-MatryoshkaBatchTopKSAE"));
    Path weights = weights(format);
    List<TensorData> tensors =
        new ArrayList<>(
            tensors(weights).stream()
                .filter(each -> !each.info().name().equals("group_sizes"))
                .toList());
    for (long[] sizes : new long[][] {{8, 11}, {8, 13}, {20, 0}, {-1, 21}, {Long.MAX_VALUE, 9}}) {
      MemorySegment data = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_LONG, sizes);
      tensors.add(TensorData.of("group_sizes", DType.I64, data, sizes.length));
      write(weights, tensors);
      assertRefused(format, "group_sizes");
      tensors.removeLast();
    }
    tensors.add(TensorData.of("group_sizes", DType.F32, Arena.ofAuto().allocate(8), 2));
    write(weights, tensors);
    assertRefused(format, "not a list of integers");
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("golden")
  void namesAnElementThatIsNotFinite(Path golden) throws IOException {
    DictionaryFormat format = copy(golden);
    Path weights = weights(format);
    List<TensorData> tensors = new ArrayList<>(tensors(weights));
    for (int i = 0; i < tensors.size(); i++) {
      TensorData tensor = tensors.get(i);
      if (tensor.info().shape().length != 2 || tensor.info().dtype() != DType.F32) {
        continue;
      }
      MemorySegment bad = Arena.ofAuto().allocate(tensor.data().byteSize()).copyFrom(tensor.data());
      bad.setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.NaN);
      List<TensorData> changed = new ArrayList<>(tensors);
      changed.set(i, new TensorData(tensor.info(), bad));
      write(weights, changed);
      assertRefused(format, "element 3 of tensor '" + tensor.info().name() + "' is NaN");
    }
  }

  /** Its files hold a few hundred bytes, so that the memory of a larger one is never taken. */
  @ParameterizedTest
  @MethodSource("golden")
  void takesNoMemoryForSizesThatOnlyTheConfigHas(Path golden) throws IOException {
    DictionaryFormat format = copy(golden);
    Path cfg = folder.resolve("cfg.json");
    Path config = Files.exists(cfg) ? cfg : folder.resolve("config.json");
    String text = Files.readString(config);
    Matcher sizes = Pattern.compile("(?<=: )[0-9]+(?=[,}\\s])").matcher(text);
    int found = 0;
    while (sizes.find()) {
      found++;
      String huge =
          text.substring(0, sizes.start()) + Integer.MAX_VALUE + text.substring(sizes.end());
      Files.writeString(config, huge);
      try {
        format.read(folder, Origin.UNKNOWN);
      } catch (IOException e) {
        assertThat(e).hasMessageContaining(folder.toString()).hasMessageNotContaining("\n");
      }
    }
    assertThat(found).isPositive();
  }

  @Test
  void refusesAScaleThatTakesTheWeightsBeyondFloat32() throws IOException {
    DictionaryFormat format = copy(DictionaryFormatTest.goldenFolder("saelens-standard"));
    for (double scale : new double[] {1e-300, 1e300}) {
      Origin origin =
          new Origin(
              Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.of(scale));
      assertThatThrownBy(() -> format.read(folder, origin))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(folder + ": cannot be converted to the activation scale " + scale)
          .hasMessageNotContaining("\n");
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("golden")
  void damagedFilesAreErrorsOfOneLine(Path golden) throws IOException {
    DictionaryFormat format = copy(golden);
    long seed = Seeds.seed();
    Random random = new Random(seed);
    List<Path> files;
    try (var list = Files.list(folder)) {
      files = list.toList();
    }
    for (Path file : files) {
      byte[] good = Files.readAllBytes(file);
      for (int trial = 0; trial < 30; trial++) {
        byte[] bad = good.clone();
        bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, trial == 0 ? new byte[0] : trial == 1 ? half(good) : bad);
        try {
          format.read(folder, Origin.UNKNOWN);
        } catch (IOException e) {
          assertThat(e.getMessage()).as("seed %d", seed).doesNotContain("\n");
          assertThat(e.getMessage()).contains(folder.toString());
        }
      }
      Files.delete(file);
      assertRefused(format, file.getFileName().toString());
      Files.write(file, good);
    }
  }

  @Test
  void aFolderOfNoFormatOrOfSeveralIsNamed() throws IOException {
    assertThatThrownBy(() -> DictionaryFormat.of(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("sparsify (cfg.json, sae.safetensors)");
    copy(DictionaryFormatTest.goldenFolder("sparsify-topk"));
    Files.delete(folder.resolve("cfg.json"));
    copy(DictionaryFormatTest.goldenFolder("saelens-topk"));
    assertThatThrownBy(() -> DictionaryFormat.of(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("saelens, sparsify");
  }

  private static byte[] half(byte[] bytes) {
    return java.util.Arrays.copyOf(bytes, bytes.length / 2);
  }

  private DictionaryFormat copy(Path golden) throws IOException {
    try (var files = Files.list(golden)) {
      for (Path file : files.toList()) {
        String name = file.getFileName().toString();
        if (!name.equals("expected.safetensors") && !Files.exists(folder.resolve(name))) {
          Files.copy(file, folder.resolve(name));
        }
      }
    }
    return formatOf(golden.getFileName().toString());
  }

  private static DictionaryFormat formatOf(String golden) {
    return DictionaryFormat.named(golden.substring(0, golden.indexOf('-')));
  }

  private Path weights(DictionaryFormat format) {
    return folder.resolve(
        switch (format) {
          case SPARSIFY -> "sae.safetensors";
          case DICTIONARY_LEARNING -> "ae.pt";
          default -> "sae_weights.safetensors";
        });
  }

  /** Copies in memory, since the file will be replaced. */
  private static List<TensorData> tensors(Path file) throws IOException {
    boolean zip = file.toString().endsWith(".pt");
    TensorSource source = zip ? PyTorchFile.open(file) : Safetensors.open(file);
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
    if (file.toString().endsWith(".pt")) {
      PyTorchWriter.write(file, tensors);
    } else {
      Safetensors.write(file, tensors, Map.of());
    }
  }

  private void assertRefused(DictionaryFormat format, String expected) {
    assertThatThrownBy(() -> format.read(folder, Origin.UNKNOWN))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }
}
