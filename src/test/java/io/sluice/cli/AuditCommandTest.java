package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.audit.PlantedDictionary;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.model.HookPoint;
import io.sluice.model.TinyModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Dictionaries of other libraries' formats on the command line. */
@Tag("model")
@Tag("slow")
class AuditCommandTest {
  private static final List<String> WORDS =
      List.of("the", "whale", "white", "sea", "of", "a", "call", "me", "ishmael", "ship", "was");
  private static final String HOOK = "layers.1.attn_out";

  /** Tokens of text in a context, beside the token before them. */
  private static final int CONTEXT = 15;

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path text;

  @BeforeEach
  void writeDictionaries() throws IOException {
    Random random = new Random(Seeds.seed());
    String words =
        String.join(
            " ",
            Stream.generate(() -> WORDS.get(random.nextInt(WORDS.size()))).limit(240).toList());
    text = Files.writeString(folder.resolve("text.txt"), words);
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      write(model, words, HOOK, "saes/right_l0_3");
      write(model, words, "layers.2.attn_out", "saes/deeper/l0_1");
    }
  }

  /** A dictionary of {@link #HOOK} by its configuration, made of the activations of a place. */
  private void write(LoadedModel model, String words, String place, String name)
      throws IOException {
    List<double[]> rows =
        PlantedDictionary.activations(
            model, words, CONTEXT, model.tokenizer().prefix(), HookPoint.parse(place));
    DictionaryFormat.SAELENS.write(
        PlantedDictionary.of(rows, HOOK, true, Optional.empty(), true), folder.resolve(name));
  }

  private int audit(Object... arguments) {
    Stream<String> common =
        Stream.of(
            "audit",
            "--model",
            TinyModel.LLAMA.folder().toString(),
            "--text",
            text.toString(),
            "--context",
            String.valueOf(CONTEXT + 1));
    String[] words =
        Stream.concat(common, Stream.of(arguments).map(Object::toString)).toArray(String[]::new);
    return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), words);
  }

  @Test
  void saysOnOnePageWhereADictionaryFits() throws IOException {
    Path results = folder.resolve("results");
    assertThat(audit("--dictionary", folder.resolve("saes/deeper/l0_1"), "--out", results))
        .as(err.toString())
        .isZero();
    assertThat(out.toString())
        .contains(
            "l0_1 fits layers.2.attn_out, with FVU 0.000; its configuration says"
                + " 'layers.1.attn_out' (FVU ",
            "it is of the next layer.",
            "as configured",
            "where it fits",
            "L0          1 (k promises 1)",
            "the best trial at each of 19 places");
    assertThat(out.toString().lines().count()).isLessThan(40);
    JsonNode json = new ObjectMapper().readTree(results.resolve("audit.json").toFile());
    assertThat(json.path("format").asText()).isEqualTo("sluice.audit/1");
    assertThat(json.at("/dictionaries/0/outcome").asText()).isEqualTo("other place");
    assertThat(json.at("/dictionaries/0/promised/reads").asText()).isEqualTo(HOOK);
    assertThat(json.at("/dictionaries/0/promised/l0").asDouble()).isEqualTo(1);
    assertThat(json.at("/dictionaries/0/fitting/reads").asText()).isEqualTo("layers.2.attn_out");
    assertThat(json.at("/dictionaries/0/fitting/fvu").asDouble()).isCloseTo(0, within(1e-3));
    assertThat(json.at("/dictionaries/0/fitting/effectiveRank").asDouble()).isBetween(1.0, 24.0);
    String page = Files.readString(results.resolve("audit.html"));
    assertThat(page)
        .contains("layers.2.attn_out", "as configured", "<td class=\"fvu fitting\"")
        .contains("<td class=\"fvu configured\"")
        .doesNotContain("<svg class=\"rank\"");
    assertThat(Stream.of(results.toFile().list()))
        .containsExactlyInAnyOrder("audit.json", "audit.html");
  }

  @Test
  void drawsDeadFeaturesOfAFolderAgainstRank() throws IOException {
    Path results = folder.resolve("results");
    assertThat(audit("--dictionary", folder.resolve("saes"), "--out", results, "--json"))
        .as(err.toString())
        .isZero();
    JsonNode json = new ObjectMapper().readTree(out.toString());
    assertThat(json.at("/dictionaries").findValuesAsText("outcome"))
        .containsExactly("other place", "right");
    assertThat(json.at("/dictionaries").findValuesAsText("name"))
        .containsExactly(
            folder.resolve("saes/deeper/l0_1").toString(),
            folder.resolve("saes/right_l0_3").toString());
    String page = Files.readString(results.resolve("audit.html"));
    assertThat(page)
        .contains("1 of 2 dictionaries is where its configuration says.")
        .contains("<svg class=\"rank\"", "effective rank over the width", "right_l0_3");
    assertThat(page.split("<g class=\"point\">", -1)).hasSize(3);
  }

  @Test
  void leavesADamagedDictionaryOfAFolderOut() throws IOException {
    Path weights = folder.resolve("saes/deeper/l0_1/sae_weights.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
    Path results = folder.resolve("results");
    assertThat(audit("--dictionary", folder.resolve("saes"), "--out", results, "--json"))
        .as(err.toString())
        .isZero();
    assertThat(err.toString())
        .contains("audit: " + folder.resolve("saes/deeper/l0_1") + " is left out: " + weights);
    JsonNode json = new ObjectMapper().readTree(out.toString());
    assertThat(json.at("/dictionaries").findValuesAsText("outcome")).containsExactly("right");
    assertThat(audit("--dictionary", folder.resolve("saes/deeper"), "--out", results)).isEqualTo(1);
  }

  @Test
  void refusesWhatIsNoDictionary() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThat(audit("--dictionary", empty, "--out", folder.resolve("results"))).isEqualTo(1);
    assertThat(err.toString()).contains("empty: holds no dictionary of a format that Sluice reads");
    assertThat(folder.resolve("results")).doesNotExist();
    assertThat(audit("--dictionary", folder.resolve("saes"), "--tokens", "0")).isEqualTo(2);
  }
}
