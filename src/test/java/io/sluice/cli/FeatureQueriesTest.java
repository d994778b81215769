package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.features.ContextSearch;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureJson;
import io.sluice.features.FeatureReader;
import io.sluice.features.SyntheticFeatures;
import io.sluice.features.effects.TinyFeatures;
import io.sluice.model.TinyModel;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The questions that {@code sluice features} answers about a folder. */
class FeatureQueriesTest {
  @TempDir private Path temporary;
  private Path folder;
  private FeatureFolder features;
  private String out;
  private String err;

  @BeforeEach
  void write() throws IOException {
    folder = temporary.resolve("features");
    features = SyntheticFeatures.write(folder, 200);
  }

  @Test
  void showsAFeature() {
    assertThat(run("--features", folder.toString(), "--show", "123")).isZero();
    assertThat(out).startsWith("feature 123: fires on ").contains("fires most in", "chapter ");
    assertThat(err).isEmpty();
  }

  @Test
  void theJsonOfAFeatureIsThatOfTheLibrary() throws IOException {
    assertThat(run("--features", folder.toString(), "--show", "123", "--json")).isZero();
    JsonNode expected =
        new ObjectMapper()
            .readTree(FeatureJson.of(new FeatureReader(features).read(123)).toString());
    assertThat(new ObjectMapper().readTree(out)).isEqualTo(expected);
  }

  @Test
  void findsFeaturesByWords() throws IOException {
    assertThat(run("--features", folder.toString(), "--search", "whale", "--most", "5")).isZero();
    List<ContextSearch.Hit> hits = new ContextSearch(features, "whale").find(5);
    assertThat(out.lines().filter(line -> line.startsWith("feature ")).toList())
        .hasSize(5)
        .first()
        .asString()
        .startsWith("feature " + hits.getFirst().feature() + ": ");
    assertThat(run("--features", folder.toString(), "--search", "whale", "--most", "5", "--json"))
        .isZero();
    JsonNode json = new ObjectMapper().readTree(out);
    assertThat(json).hasSize(5);
    assertThat(json.get(0).get("feature").asInt()).isEqualTo(hits.getFirst().feature());
    assertThat(json.get(0).get("context").get("tokens")).isNotEmpty();
    assertThat(run("--features", folder.toString(), "--search", "submarine")).isZero();
    assertThat(out).isEqualTo("no feature fires on 'submarine' in its top contexts\n");
  }

  @Test
  void saysWhichFeaturesFireOnAText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Path dictionary = Files.createDirectory(temporary.resolve("dictionary"));
    Site site = new Site("layers.1.attn_out", 24);
    Dictionary random = TinyFeatures.dictionary(200, site, List.of(site), 5);
    random.save(dictionary);
    String[] call = {
      "--text",
      "call me ishmael",
      "--model",
      TinyModel.LLAMA.folder().toString(),
      "--dictionary",
      dictionary.toString(),
      "--engine",
      "reference"
    };
    assertThat(run(call)).as(err).isZero();
    assertThat(out.lines().map(line -> line.split(" ")[0]).toList())
        .containsExactly("call", "me", "ishmael");
    String[] json = Arrays.copyOf(call, call.length + 1);
    json[call.length] = "--json";
    assertThat(run(json)).isZero();
    JsonNode tokens = new ObjectMapper().readTree(out);
    assertThat(tokens.get(1).get("text").asText()).isEqualTo("me");
    assertThat(tokens.get(1).get("features").get(0).get("activation").asDouble()).isPositive();
    String[] named = Arrays.copyOf(call, call.length + 2);
    named[call.length] = "--features";
    named[call.length + 1] = folder.toString();
    assertThat(run(named)).as(err).isZero();
    // The tokens of the folder: its words are others.
    assertThat(out).startsWith(" <b>").contains(" storm").doesNotContain("ishmael");
  }

  @Test
  void exportsForOtherTools() throws IOException {
    Path dashboard = temporary.resolve("dashboard");
    String[] call = {"--features", folder.toString(), "--out", dashboard.toString(), "--export"};
    assertThat(run(with(call, "saedashboard"))).as(err).isZero();
    assertThat(out).isEqualTo(dashboard + ": 172 of 200 features; the others never fire\n");
    assertThat(dashboard.resolve("batch-0.json")).exists();
    assertThat(run(with(call, "saedashboard"))).isEqualTo(1);
    assertThat(err).contains("is not empty");
    call[3] = temporary.resolve("neuronpedia").toString();
    assertThat(run(with(call, "neuronpedia"))).as(err).isZero();
    assertThat(temporary.resolve("neuronpedia/tiny/0-sluice-attn_out/features/batch-0.jsonl.gz"))
        .exists();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--show 200          | 1 | there is no feature 200 in",
        "--show -1           | 1 | there is no feature -1 in",
        "--show 1 --search a | 2 | --show, --search, --text and --export go one at a time",
        "--text whale        | 2 | --text needs --model",
        "--export pdf --out x| 2 | give neuronpedia or saedashboard",
        "--export neuronpedia| 2 | --export needs --out",
        "--search a --most 0 | 2 | --most is 0"
      })
  void wrongQuestionsAreOneLine(String words, int status, String message) {
    String[] call = ("--features " + folder + " " + words).split(" +");
    assertThat(run(call)).isEqualTo(status);
    assertThat(err.lines().filter(line -> line.contains(message)).toList()).as(err).hasSize(1);
    assertThat(err).doesNotContain("internal error");
  }

  @Test
  void aFolderWithoutTextsIsOneLine() throws IOException {
    Files.delete(folder.resolve("tokens.arrow"));
    assertThat(run("--features", folder.toString(), "--show", "1")).isEqualTo(1);
    assertThat(err.strip().lines().toList()).hasSize(1);
    assertThat(err).contains("tokens.arrow", "is missing");
  }

  @Test
  void aFolderWithoutFeaturesIsOneLine() {
    assertThat(run("--features", temporary.toString(), "--show", "1")).isEqualTo(1);
    assertThat(err).contains("has no features.json");
    assertThat(run("--show", "1")).isEqualTo(2);
    assertThat(err).contains("give --features");
  }

  private static String[] with(String[] words, String last) {
    String[] all = Arrays.copyOf(words, words.length + 1);
    all[words.length] = last;
    return all;
  }

  private int run(String... words) {
    String[] all = new String[words.length + 1];
    all[0] = "features";
    System.arraycopy(words, 0, all, 1, words.length);
    StringWriter printed = new StringWriter();
    StringWriter told = new StringWriter();
    int status = Main.run(printed, told, all);
    out = printed.toString();
    err = told.toString();
    return status;
  }
}
