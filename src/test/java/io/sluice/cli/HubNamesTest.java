package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.features.effects.TinyFeatures;
import io.sluice.hub.PlayedHub;
import io.sluice.testing.Python;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Commands whose models and dictionaries are names on the hub. */
@Tag("slow")
@Tag("python")
@DisabledOnOs(OS.WINDOWS)
class HubNamesTest {
  private static final Path LAUNCHER = Path.of("bin/sluice").toAbsolutePath();
  private static final Path LLAMA =
      Path.of("src/test/resources/golden/model/causal/tiny-llama").toAbsolutePath();

  @TempDir private Path temp;
  private final PlayedHub played = new PlayedHub();

  HubNamesTest() throws IOException {}

  @BeforeEach
  void requireTorch() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @AfterEach
  void stop() {
    played.close();
  }

  private void put(String name, Path folder) throws IOException {
    Map<String, byte[]> files = new HashMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
        files.put(folder.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    played.put(name, files);
  }

  private CommandProcess sluice(Object... arguments) throws Exception {
    return sluice(Map.of(), arguments);
  }

  private CommandProcess sluice(Map<String, String> more, Object... arguments) throws Exception {
    Map<String, String> environment = new HashMap<>();
    environment.put("HF_ENDPOINT", played.endpoint().toString());
    environment.put("HF_HOME", temp.resolve("hf").toString());
    environment.put("HF_HUB_OFFLINE", "0");
    environment.putAll(more);
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return CommandProcess.run(temp, environment, command);
  }

  @Test
  void aModelIsFetchedOnceAndKeepsItsName() throws Exception {
    put("maker/Tiny-Llama", LLAMA);
    Path text = Files.writeString(temp.resolve("text.txt"), "call me for a whale ".repeat(20));
    Object[] capture = {
      "capture", "--model", "maker/Tiny-Llama", "--text", text, "--hooks", "layers.1.resid", "--out"
    };
    CommandProcess first = sluice(with(capture, "first"));
    assertThat(first.err()).contains("fetch maker/Tiny-Llama: ");
    assertThat(first.status()).as(first.err()).isZero();
    played.forget();
    CommandProcess second = sluice(with(capture, "second"));
    assertThat(second.status()).as(second.err()).isZero();
    assertThat(second.err()).doesNotContain("fetch");
    assertThat(played.asked()).isEmpty();
    capture[2] = LLAMA;
    assertThat(sluice(with(capture, "local")).status()).isZero();
    assertThat(temp.resolve("first/shard-00000.arrow"))
        .hasSameBinaryContentAs(temp.resolve("local/shard-00000.arrow"));
    assertThat(
            new ObjectMapper().readTree(temp.resolve("first/.manifest.json").toFile()).get("model"))
        .hasToString("\"Tiny-Llama\"");
  }

  @Test
  void transformersLoadsWhatWasFetched() throws Exception {
    Python.require();
    put("maker/Tiny-Llama", LLAMA);
    CommandProcess process =
        sluice("generate", "--model", "maker/Tiny-Llama", "--prompt", "call", "--tokens", "1");
    assertThat(process.status()).as(process.err()).isZero();
    played.forget();
    JsonNode loaded =
        new ObjectMapper()
            .readTree(Python.run("hub_cache.py", "load", temp.resolve("hf"), "maker/Tiny-Llama"));
    assertThat(loaded.get("layers").asInt()).isEqualTo(3);
    assertThat(loaded.get("ids")).isNotEmpty();
    assertThat(played.asked()).isEmpty();
  }

  private static Object[] with(Object[] arguments, Object... more) {
    return Stream.concat(Stream.of(arguments), Stream.of(more)).toArray();
  }

  @Test
  void aTokenizerMayBeOfAnotherRepository() throws Exception {
    put("maker/Tiny-Llama", LLAMA);
    Map<String, byte[]> rest = new HashMap<>();
    try (Stream<Path> files = Files.list(LLAMA)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!file.endsWith("tokenizer.json")) {
          rest.put(file.getFileName().toString(), Files.readAllBytes(file));
        }
      }
    }
    played.put("maker/bare", rest);
    CommandProcess bare =
        sluice("generate", "--model", "maker/bare", "--prompt", "call", "--tokens", "2");
    assertThat(bare.status()).isEqualTo(1);
    assertThat(bare.err()).contains("has no tokenizer beside it");
    CommandProcess both =
        sluice(
            "generate",
            "--model",
            "hf://maker/bare@main",
            "--tokenizer",
            "maker/Tiny-Llama",
            "--prompt",
            "call",
            "--tokens",
            "2");
    assertThat(both.status()).as(both.err()).isZero();
  }

  @Test
  void dictionariesAreConvertedAndCompared() throws Exception {
    Site site = new Site("layers.1.resid", 8);
    Dictionary dictionary = TinyFeatures.dictionary(32, site, List.of(site), 3);
    Path folder = temp.resolve("published");
    DictionaryFormat.SPARSIFY.write(dictionary, folder.resolve("layers.1"));
    DictionaryFormat.SLUICE.write(dictionary, folder.resolve("own"));
    put("maker/saes", folder);
    CommandProcess convert =
        sluice(
            "convert",
            "--dictionary",
            "maker/saes/layers.1",
            "--to",
            "sluice",
            "--out",
            "converted");
    assertThat(convert.status()).as(convert.err()).isZero();
    CommandProcess compare =
        sluice("compare", "--dictionary", "maker/saes/own", "--dictionary", "converted");
    assertThat(compare.status()).as(compare.err()).isZero();
    CommandProcess whole =
        sluice("convert", "--dictionary", "maker/saes", "--to", "sluice", "--out", "x");
    assertThat(whole.err())
        .isEqualTo(
            "sluice convert: maker/saes: has 2 dictionaries in folders; add the name of one:"
                + " /layers.1, /own\n");
    CommandProcess evaluate =
        sluice("evaluate", "--dictionary", "maker/saes/own", "--store", "nowhere");
    assertThat(evaluate.status()).isEqualTo(2);
    assertThat(evaluate.err()).contains("--out FILE is needed for a dictionary of the hub");
    assertThat(evaluate.err()).contains("evaluate");
  }

  @Test
  void publishedDictionariesAreFetchedByTheHubsNamesAndBySaeLenssRegistry() throws Exception {
    Path golden = Path.of("src/test/resources/golden/published").toAbsolutePath();
    put("maker/gemma-scope-2-1b-pt", golden.resolve("gemma_scope_2-resid/gemma-scope-2-1b-pt"));
    put("maker/set", golden.resolve("circuit_tracer-relu/relu"));
    Path registry =
        Files.writeString(
            temp.resolve("registry.yaml"),
            """
        tiny-scope-2:
          conversion_func: gemma_3
          repo_id: maker/gemma-scope-2-1b-pt
          saes:
          - id: layer_10
            path: resid_post_all/layer_10_width_262k_l0_small
        """);
    String inside = "maker/gemma-scope-2-1b-pt/resid_post_all/layer_10_width_262k_l0_small";
    int number = 0;
    for (String name :
        List.of(inside, "saelens://tiny-scope-2/layer_10", "tiny-scope-2/layer_10")) {
      Path out = temp.resolve("out" + number++);
      CommandProcess convert =
          sluice(
              Map.of("SAELENS_REGISTRY", registry.toString()),
              "convert",
              "--dictionary",
              name,
              "--to",
              "sluice",
              "--out",
              out);
      assertThat(convert.status()).as(convert.err()).isZero();
      assertThat(Dictionary.load(out).config().inputHook()).isEqualTo("layers.10.resid");
    }
    CommandProcess set =
        sluice("convert", "--dictionary", "maker/set", "--to", "sluice", "--out", "x");
    assertThat(set.err())
        .isEqualTo(
            "sluice convert: maker/set: holds a transcoder for each of 2 layers; name the file of"
                + " one: maker/set/layer_0.safetensors\n");
    CommandProcess layer =
        sluice(
            "convert",
            "--dictionary",
            "maker/set/layer_1.safetensors",
            "--to",
            "sluice",
            "--out",
            "layer");
    assertThat(layer.status()).as(layer.err()).isZero();
    assertThat(played.asked()).noneMatch(asked -> asked.toString().contains("layer_0"));
  }

  @Test
  void whatIsNeitherIsOneLine() throws Exception {
    for (String[] expected :
        new String[][] {
          {
            "maker/nothing",
            "maker/nothing: no such file or folder, and "
                + played.endpoint()
                + " has no such repository or wants a token for it; check the name"
          },
          {
            "nothing",
            "nothing: no such file or folder, and no name on the hub"
                + " (OWNER/NAME[@REVISION][/PATH]); check it"
          },
        }) {
      CommandProcess process = sluice("generate", "--model", expected[0], "--prompt", "x");
      assertThat(process.status()).isEqualTo(1);
      assertThat(process.err()).isEqualTo("sluice generate: " + expected[1] + "\n");
    }
  }

  /** Two processes want the same model: one fetches it, the other finds it. */
  @Test
  void oneOfTwoProcessesFetches() throws Exception {
    put("maker/Tiny-Llama", LLAMA);
    List<ProcessBuilder> builders = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ProcessBuilder builder =
          new ProcessBuilder(
              LAUNCHER.toString(),
              "generate",
              "--model",
              "maker/Tiny-Llama",
              "--prompt",
              "call",
              "--tokens",
              "1");
      builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
      builder.environment().put("HF_ENDPOINT", played.endpoint().toString());
      builder.environment().put("HF_HOME", temp.resolve("hf").toString());
      builder.environment().put("HF_HUB_OFFLINE", "0");
      builder.directory(temp.toFile());
      builder.redirectErrorStream(true).redirectOutput(temp.resolve("out" + i).toFile());
      builders.add(builder);
    }
    for (Process process : ProcessBuilder.startPipeline(List.of(builders.getFirst()))) {
      Process other = builders.getLast().start();
      assertThat(process.waitFor()).as(Files.readString(temp.resolve("out0"))).isZero();
      assertThat(other.waitFor()).as(Files.readString(temp.resolve("out1"))).isZero();
    }
    assertThat(played.asked())
        .filteredOn(asked -> asked.server().equals("network"))
        .doesNotHaveDuplicates()
        .isNotEmpty();
  }

  /** The shell's limit on the size of a file stands for a full disk. */
  @Test
  void aFullDiskIsNamedAndTheRestFetchedLater() throws Exception {
    byte[] large = new byte[600_000];
    played.put("maker/large", Map.of("model.safetensors", large, "config.json", "{}".getBytes()));
    String command =
        "ulimit -f 200; exec \"$0\" generate --model maker/large --prompt x --tokenizer "
            + LLAMA.resolve("tokenizer.json");
    Map<String, String> environment =
        Map.of(
            "HF_ENDPOINT", played.endpoint().toString(),
            "HF_HOME", temp.resolve("hf").toString(),
            "HF_HUB_OFFLINE", "0");
    CommandProcess full =
        CommandProcess.run(temp, environment, List.of("bash", "-c", command, LAUNCHER.toString()));
    assertThat(full.status()).isEqualTo(1);
    assertThat(full.err())
        .contains(
            ".sluice.incomplete: cannot be written (File too large); make room, or set HF_HOME to a"
                + " folder on another disk");
    played.forget();
    sluice("generate", "--model", "maker/large", "--prompt", "x");
    assertThat(played.asked()).anyMatch(asked -> asked.range().equals("bytes=204800-"));
    assertThat(temp.resolve("hf/hub/models--maker--large/blobs").resolve(PlayedHub.checksum(large)))
        .hasBinaryContent(large);
  }
}
