package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.Workers;
import io.sluice.testing.Python;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Dictionaries compute in Sluice what they compute in the library that they come from. */
class DictionaryFormatTest {
  @TempDir private Path folder;

  static List<Path> golden() {
    return ForeignRun.goldenFolders();
  }

  @ParameterizedTest
  @MethodSource("golden")
  void computesWhatTheLibraryComputes(Path golden) throws IOException {
    DictionaryFormat format = DictionaryFormat.of(golden);
    assertThat(golden.getFileName().toString()).startsWith(format.label());
    Dictionary dictionary = format.read(golden, Origin.UNKNOWN);
    ForeignRun expected = ForeignRun.expected(golden);
    for (EngineFactory engines :
        List.of(EngineFactory.reference(), EngineFactory.vector(Workers.allCores()))) {
      ForeignRun.of(dictionary, golden, engines).assertAgrees(expected, golden.toString());
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("golden")
  void goesThroughEveryFormatThatHasItsKind(Path golden) throws IOException {
    Dictionary dictionary = DictionaryFormat.of(golden).read(golden, Origin.UNKNOWN);
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
      assertThat(DictionaryFormat.of(out)).isEqualTo(format);
      Dictionary again = format.read(out, Origin.UNKNOWN);
      ForeignRun found = ForeignRun.of(again, golden, EngineFactory.reference());
      String what = golden.getFileName() + " to " + format.label();
      if (keepsCodes(dictionary, again)) {
        found.assertAgrees(expected, what);
      } else {
        found.assertReconstructs(expected, what);
      }
    }
    // Sluice's own, and at least one other.
    assertThat(written).isGreaterThan(1);
  }

  /** Ranking by decoder norm, where a format lacks it, is done by scaling the codes. */
  private static boolean keepsCodes(Dictionary before, Dictionary after) {
    return before.config().scoreByDecoderNorm() == after.config().scoreByDecoderNorm();
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void theLibrariesThemselvesLoadWhatIsWritten() throws IOException {
    Path python = Python.requireRivals();
    ArrayNode tasks = new ObjectMapper().createArrayNode();
    record Task(Path golden, Path out, String what, boolean codes) {}
    List<Task> asked = new ArrayList<>();
    for (Path golden : golden()) {
      Dictionary dictionary = DictionaryFormat.of(golden).read(golden, Origin.UNKNOWN);
      for (DictionaryFormat format : DictionaryFormat.values()) {
        String what = golden.getFileName() + "-to-" + format.label();
        Path out = folder.resolve(what);
        try {
          format.write(dictionary, out);
        } catch (IllegalArgumentException e) {
          continue;
        }
        if (format != DictionaryFormat.SLUICE) {
          Path result = folder.resolve(what + ".safetensors");
          tasks
              .addArray()
              .add(format.label())
              .add(out.toString())
              .add(golden.resolve("expected.safetensors").toString())
              .add(result.toString());
          Dictionary again = format.read(out, Origin.UNKNOWN);
          asked.add(new Task(golden, result, what, keepsCodes(dictionary, again)));
        }
      }
    }
    Path list = folder.resolve("list.json");
    Files.writeString(list, tasks.toString());
    Python.run(python, "foreign_dictionaries.py", "run", list);
    assertThat(asked).hasSizeGreaterThan(40);
    for (Task task : asked) {
      ForeignRun found = ForeignRun.read(task.out);
      if (task.codes) {
        found.assertAgrees(ForeignRun.expected(task.golden), task.what);
      } else {
        found.assertReconstructs(ForeignRun.expected(task.golden), task.what);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "saelens-matryoshka, SAELENS",
    "saelens-matryoshka-checkpoint, SAELENS",
    "saelens-matryoshka, DICTIONARY_LEARNING",
    "dictionary_learning-MatryoshkaBatchTopKSAE, DICTIONARY_LEARNING",
    "dictionary_learning-MatryoshkaBatchTopKSAE, SAELENS",
    "saelens-matryoshka, SLUICE",
  })
  void nestedDictionariesKnowWhereTheyEnd(String name, DictionaryFormat format) throws IOException {
    Dictionary dictionary = read(name, Origin.UNKNOWN);
    assertThat(dictionary.config().prefixes()).containsExactly(8);
    assertThat(dictionary.config().activation()).isInstanceOf(BatchTopK.class);
    format.write(dictionary, folder);
    DictionaryConfig again = format.read(folder, Origin.UNKNOWN).config();
    assertThat(again).isEqualTo(dictionary.config());
  }

  @Test
  void nestedDictionariesAreSavedForUseAsSaeLensSavesThem() throws IOException {
    DictionaryFormat.SAELENS.write(read("saelens-matryoshka", Origin.UNKNOWN), folder);
    JsonNode ours = new ObjectMapper().readTree(folder.resolve("cfg.json").toFile());
    Path golden = goldenFolder("saelens-matryoshka");
    JsonNode theirs = new ObjectMapper().readTree(golden.resolve("cfg.json").toFile());
    assertThat(ours.get("architecture")).isEqualTo(theirs.get("architecture"));
    JsonNode metadata = ours.get("metadata");
    assertThat(metadata.get("training_architecture").textValue()).isEqualTo("matryoshka_batchtopk");
    for (String detail : List.of("k", "matryoshka_widths")) {
      assertThat(metadata.get("training_architecture_details").get(detail))
          .isEqualTo(theirs.at("/metadata/training_architecture_details/" + detail));
    }
  }

  @Test
  void ofADictionaryCutToItsFirstFeaturesTheLargerOnesAreGone() throws IOException {
    Path copy = copy("saelens-matryoshka");
    Path config = copy.resolve("cfg.json");
    Files.writeString(config, Files.readString(config).replace("[8, 20]", "[4, 8, 40, 80]"));
    assertThat(DictionaryFormat.SAELENS.read(copy, Origin.UNKNOWN).config().prefixes())
        .containsExactly(4, 8);
  }

  @Test
  void knowsModelAndHooks() throws IOException {
    Dictionary read = read("saelens-topk", Origin.UNKNOWN);
    assertThat(read.config().model()).isEqualTo("tiny");
    assertThat(read.config().inputHook()).isEqualTo("layers.0.attn_out");
    Origin origin =
        new Origin(
            Optional.of("other"),
            Optional.of("layers.7.attn_out"),
            Optional.empty(),
            OptionalDouble.empty());
    Dictionary named = read("saelens-topk", origin);
    assertThat(named.config().model()).isEqualTo("other");
    assertThat(named.config().inputHook()).isEqualTo("layers.7.attn_out");
    assertThat(named.config().outputHook()).isEqualTo("layers.7.attn_out");
    assertThat(read("llamascopium-transcoder", origin).config().outputHook())
        .isEqualTo("blocks.0.mlp_out");
  }

  @ParameterizedTest
  @CsvSource({
    "dictionary_learning-PAnneal, x, layers.3.resid, layers.3.resid",
    "dictionary_learning-BatchTopKSAE-2024, x, layers.3.mlp_out, layers.3.mlp_out",
    "llamascopium-2025-jumprelu, x, layers.5.resid, layers.5.resid",
    "llamascopium-2025-topk, x, layers.5.resid, layers.5.mlp_out",
    "sparsify-topk, layers.10, layers.10.resid, layers.10.resid",
    "sparsify-topk, h.3.mlp, layers.3.mlp_out, layers.3.mlp_out",
    "sparsify-topk, layers.3.attention, layers.3.attn_out, layers.3.attn_out",
    "sparsify-transcoder, layers.3.mlp, layers.3.mlp_in, layers.3.mlp_out",
    "sparsify-skip, layers.3, layers.3.resid_in, layers.3.resid",
    "sparsify-skip, x, input, output",
  })
  void otherLibrariesNamesOfPlacesAreHookPoints(
      String name, String called, String reads, String writes) throws IOException {
    Path copy = Files.move(copy(name), folder.resolve(called));
    DictionaryConfig config = DictionaryFormat.of(copy).read(copy, Origin.UNKNOWN).config();
    assertThat(config.inputHook()).isEqualTo(reads);
    assertThat(config.outputHook()).isEqualTo(writes);
  }

  @ParameterizedTest
  @CsvSource({
    "layers.3.attn_out, gpt2, blocks.3.hook_attn_out",
    "layers.3.mlp_out, gpt2, blocks.3.hook_mlp_out",
    "layers.11.resid, gpt2, blocks.11.hook_resid_post",
    "layers.0.z, gpt2, blocks.0.attn.hook_z",
    "layers.0.z, google/gemma-2-2b, blocks.0.attn.hook_z",
    // Where a norm follows, that library's hook comes after it.
    "layers.3.attn_out, google/gemma-2-2b, layers.3.attn_out",
    "layers.3.mlp_out, gemma3-1b, layers.3.mlp_out",
    "layers.3.attn_in, gpt2, layers.3.attn_in",
    "layers.3.attn_out-other, gpt2, layers.3.attn_out-other",
    "'', '', ''",
  })
  void saeLensAttachesToTheSamePlace(String hook, String model, String theirs) throws IOException {
    Dictionary dictionary = named(read("saelens-topk", Origin.UNKNOWN), model, hook);
    DictionaryFormat.SAELENS.write(dictionary, folder);
    JsonNode json = new ObjectMapper().readTree(folder.resolve("cfg.json").toFile());
    assertThat(json.at("/metadata/hook_name").textValue()).isEqualTo(theirs);
    assertThat(json.at("/metadata/model_name").textValue()).isEqualTo(model);
    assertThat(json.path("reshape_activations").textValue())
        .isEqualTo(hook.endsWith(".z") ? "hook_z" : "none");
    DictionaryConfig again = DictionaryFormat.SAELENS.read(folder, Origin.UNKNOWN).config();
    assertThat(again.inputHook()).isEqualTo(hook);
    assertThat(again.outputHook()).isEqualTo(hook);
    assertThat(again.model()).isEqualTo(model);
  }

  @Test
  void whatALayerReadsIsWhatTheOneBeforeItLeft() throws IOException {
    Dictionary read = read("saelens-2024-spring", Origin.UNKNOWN);
    assertThat(read.config().inputHook()).isEqualTo("layers.7.resid");
    assertThat(read.config().prependBos()).contains(true);
    assertThat(read("saelens-2024-topk", Origin.UNKNOWN).config().inputHook())
        .isEqualTo("layers.8.z");
  }

  @ParameterizedTest
  @CsvSource({"true", "false", "''"})
  void keepsWhetherTextsBeganWithAToken(String said) throws IOException {
    Optional<Boolean> bos =
        said.isEmpty() ? Optional.empty() : Optional.of(Boolean.parseBoolean(said));
    Dictionary given = read("saelens-topk", Origin.UNKNOWN);
    Dictionary dictionary = new Dictionary(given.config().withPrependBos(bos), given.parameters());
    for (DictionaryFormat format : List.of(DictionaryFormat.SAELENS, DictionaryFormat.SLUICE)) {
      Path out = folder.resolve(format.label());
      format.write(dictionary, out);
      assertThat(format.read(out, Origin.UNKNOWN).config().prependBos()).isEqualTo(bos);
    }
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void saeLensFindsTheHooksOfItsModel() throws IOException {
    Path python = Python.requireRivals();
    for (String hook : List.of("attn_out", "z", "resid", "mlp_out")) {
      DictionaryFormat.SAELENS.write(
          named(read("saelens-topk", Origin.UNKNOWN), "tiny", "layers.1." + hook),
          folder.resolve(hook));
    }
    String said = Python.run(python, "attach_saes.py", folder);
    assertThat(said.lines()).containsExactly("attn_out 4.0", "mlp_out 4.0", "resid 4.0", "z 4.0");
  }

  private static Dictionary named(Dictionary dictionary, String model, String hook) {
    return new Dictionary(
        dictionary.config().named(model, hook, hook), dictionary.parameters(), dictionary.skip());
  }

  @Test
  void foldsTheScaleThatActivationsHad() throws IOException {
    Path copy = copy("saelens-topk");
    Path config = copy.resolve("cfg.json");
    String text = Files.readString(config);
    assertThat(text).contains("\"normalize_activations\": \"none\"");
    Files.writeString(
        config,
        text.replace(
            "\"normalize_activations\": \"none\"",
            "\"normalize_activations\": \"expected_average_only_in\""));
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.read(copy, Origin.UNKNOWN))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("--activation-scale");
    Origin scaled =
        new Origin(Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.of(2));
    DictionaryParameters found = DictionaryFormat.SAELENS.read(copy, scaled).parameters();
    DictionaryParameters plain = read("saelens-topk", Origin.UNKNOWN).parameters();
    for (int i = 0; i < 120; i++) {
      float encoder = plain.encoder().getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float decoder = plain.decoder().getAtIndex(ValueLayout.JAVA_FLOAT, i);
      assertThat(found.encoder().getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(2 * encoder);
      assertThat(found.decoder().getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(decoder / 2);
    }
  }

  @Test
  void llamascopiumHasTheNamesOfTransformerLens() throws IOException {
    Dictionary read = read("llamascopium-2025-jumprelu", Origin.UNKNOWN);
    DictionaryFormat.LLAMASCOPIUM.write(read, folder);
    JsonNode json = new ObjectMapper().readTree(folder.resolve("config.json").toFile());
    assertThat(json.get("hook_point_in").textValue()).isEqualTo("blocks.5.hook_resid_post");
  }

  @Test
  void aPursuitPicksNoMoreThanItsFeatures() throws IOException {
    Path golden = goldenFolder("saelens-matching-pursuit");
    Dictionary given = DictionaryFormat.SAELENS.read(golden, Origin.UNKNOWN);
    ForeignRun[] runs = new ForeignRun[2];
    for (int i = 0; i < 2; i++) {
      int iterations = i == 0 ? given.config().features() : Integer.MAX_VALUE;
      ActivationFunction activation = new Pursuit(iterations, 1e-30);
      runs[i] =
          ForeignRun.of(
              new Dictionary(given.config().withActivation(activation), given.parameters()),
              golden,
              EngineFactory.reference());
    }
    assertThat(runs[1].codes()).containsExactly(runs[0].codes());
  }

  @Test
  void overwritesNothing() throws IOException {
    Dictionary dictionary = read("saelens-topk", Origin.UNKNOWN);
    DictionaryFormat.SPARSIFY.write(dictionary, folder);
    byte[] before = Files.readAllBytes(folder.resolve("cfg.json"));
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.write(dictionary, folder))
        .isInstanceOf(FileAlreadyExistsException.class)
        .hasMessageContaining("cfg.json");
    assertThat(folder.resolve("sae_weights.safetensors")).doesNotExist();
    assertThat(Files.readAllBytes(folder.resolve("cfg.json"))).isEqualTo(before);
  }

  private static Dictionary read(String name, Origin origin) throws IOException {
    Path golden = goldenFolder(name);
    return DictionaryFormat.of(golden).read(golden, origin);
  }

  static Path goldenFolder(String name) {
    return golden().stream()
        .filter(path -> path.getFileName().toString().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private Path copy(String name) throws IOException {
    Path copy = Files.createDirectories(folder.resolve("copy"));
    try (var files = Files.list(goldenFolder(name))) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return copy;
  }
}
