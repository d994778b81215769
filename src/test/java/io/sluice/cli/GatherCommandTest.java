package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.features.FeatureFolder;
import io.sluice.features.gather.FeatureSamples;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** {@code sluice features} makes a folder of features. */
class GatherCommandTest {
  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path store;
  private Path dictionary;

  @BeforeEach
  void write() throws IOException {
    store = FeatureSamples.store(folder.resolve("store"));
    dictionary = FeatureSamples.dictionary(folder.resolve("dictionary"));
  }

  private int features(Path to, Path from, String... more) {
    List<String> line =
        new ArrayList<>(
            List.of(
                "features",
                "--dictionary",
                dictionary.toString(),
                "--store",
                from.toString(),
                "--engine",
                "vector",
                "--out",
                to.toString()));
    line.addAll(List.of(more));
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    CommandLine command = Main.commandLine();
    command.setOut(new PrintWriter(out, true));
    command.setErr(new PrintWriter(err, true));
    return command.execute(line.toArray(String[]::new));
  }

  @Test
  void writesAFolderAndSaysWhatIsInIt() throws IOException {
    Path to = folder.resolve("features");
    assertThat(features(to, store, "--from-position", "1", "--top", "3", "--lower", "2"))
        .as(err.toString())
        .isZero();
    FeatureFolder read = FeatureFolder.open(to);
    read.verify();
    assertThat(read.manifest().top()).isEqualTo(3);
    assertThat(read.contexts().of(20)).hasSize(5);
    assertThat(out.toString())
        .startsWith(to + ": 90 features on 684 tokens, ")
        .contains(" of them dead in the last 684; ");
    assertThat(err.toString()).contains("encode: ", "describe: 90 features");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactlyInAnyOrder(store, dictionary, to);
    }
    assertThat(features(to, store)).isEqualTo(1);
    assertThat(err.toString())
        .isEqualToIgnoringNewLines(
            "sluice features: " + to + ": already holds features; name another folder");
  }

  @Test
  void printsJson() throws IOException {
    Path to = folder.resolve("features");
    assertThat(features(to, store, "--json")).as(err.toString()).isZero();
    JsonNode json = new ObjectMapper().readTree(out.toString());
    assertThat(json.path("features").asInt()).isEqualTo(90);
    assertThat(json.path("tokens").asLong()).isEqualTo(700);
    assertThat(json.path("contexts").asLong()).isEqualTo(FeatureFolder.open(to).contexts().count());
  }

  @Test
  void aDictionaryOfAnotherLibraryIsToBeConvertedFirst() throws IOException {
    dictionary = folder.resolve("theirs");
    DictionaryFormat.SAELENS.write(
        Dictionary.load(FeatureSamples.dictionary(folder.resolve("ours"))), dictionary);
    assertThat(features(folder.resolve("features"), store)).isEqualTo(1);
    assertThat(err.toString())
        .isEqualToIgnoringNewLines(
            "sluice features: %s: is a dictionary of the format saelens; convert it first: "
                    .formatted(dictionary)
                + "sluice convert --dictionary %s --to sluice --out NEW".formatted(dictionary));
  }

  @Test
  void aStoreWithoutTextsIsRefusedInOneLine() throws IOException {
    Path mute = FeatureSamples.storeWithoutTexts(folder.resolve("mute"));
    Path to = folder.resolve("features");
    assertThat(features(to, mute)).isEqualTo(1);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("mute: has no texts of its tokens");
    assertThat(to).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({"--top, -1", "--lower, 1001", "--before, 2000", "--after, -3", "--batch, 0"})
  void numbersOutOfRangeAreWrongUsage(String option, String value) {
    assertThat(features(folder.resolve("features"), store, option, value)).isEqualTo(2);
    assertThat(err.toString()).contains(option + " is from ");
  }
}
