package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.compare.MatchFile;
import io.sluice.features.gather.GatheredDictionary;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareCommandTest {
  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private Path dictionary(String name, DictionaryFormat format, int width, int seed)
      throws IOException {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), width, width, 40);
    Random random = new Random(seed);
    for (long i = 0; i < 40L * width; i++) {
      float value = (float) random.nextGaussian();
      p.decoder().setAtIndex(DictionaryParameters.FLOAT, i, value);
      p.encoder().setAtIndex(DictionaryParameters.FLOAT, i, value);
    }
    DictionaryConfig config =
        new DictionaryConfig(
            "m",
            "blocks.0.hook_attn_out",
            "blocks.0.hook_attn_out",
            width,
            width,
            40,
            new TopK(3),
            true,
            false);
    Path made = folder.resolve(name);
    format.write(new Dictionary(config, p), made);
    return made;
  }

  @Test
  void comparesFoldersOfDifferentFormats() throws IOException {
    Path ours = dictionary("ours", DictionaryFormat.SLUICE, 16, 1);
    Path theirs = dictionary("theirs", DictionaryFormat.SAELENS, 16, 1);
    Path file = folder.resolve("comparison.json");
    assertThat(run("--dictionary", ours, "--dictionary", theirs, "--out", file)).isZero();
    assertThat(out.toString())
        .contains("1.0000 of A with B")
        .containsPattern("0\\.95 +100\\.0 % +100\\.0 % +100\\.0 %")
        .contains("A has no unstable features");
    JsonNode json = new ObjectMapper().readTree(Files.readString(file));
    assertThat(json.get("oneToOne").get("pairs").asInt()).isEqualTo(40);
    assertThat(json.has("coActivation")).isFalse();
    Path other = dictionary("other", DictionaryFormat.SLUICE, 16, 2);
    assertThat(run("--dictionary", ours, "--dictionary", other)).isZero();
    assertThat(out.toString()).containsPattern("\\d+ features of A are unstable");
  }

  @Test
  void writesTheMatchesOfDictionariesThatCanBeBrowsed() throws IOException {
    Path one = dictionary("one", DictionaryFormat.SLUICE, 16, 1);
    Path two = dictionary("two", DictionaryFormat.SLUICE, 16, 2);
    Path theirs = dictionary("theirs", DictionaryFormat.SAELENS, 16, 1);
    Path file = folder.resolve("matches.arrow");
    assertThat(run("--dictionary", one, "--dictionary", two, "--matches", file)).isZero();
    MatchFile matches = MatchFile.open(file);
    assertThat(matches.side(0).sha256()).isEqualTo(GatheredDictionary.load(one).source().sha256());
    assertThat(matches.side(1).path()).isEqualTo(two.toString());
    assertThat(matches.of(0, 39)).isNotEmpty();
    assertThat(run("--dictionary", one, "--dictionary", theirs, "--matches", file)).isEqualTo(1);
    assertThat(err.toString()).contains("theirs", "sluice convert").hasLineCount(1);
  }

  @Test
  void saysInOneLineWhatIsWrong() throws IOException {
    Path one = dictionary("one", DictionaryFormat.SLUICE, 16, 1);
    Path wide = dictionary("wide", DictionaryFormat.SLUICE, 24, 1);
    assertThat(run("--dictionary", one)).isEqualTo(2);
    assertThat(err.toString()).contains("twice");
    assertThat(run("--dictionary", one, "--dictionary", wide)).isEqualTo(1);
    assertThat(err.toString()).contains("16", "24").hasLineCount(1);
    assertThat(run("--dictionary", one, "--dictionary", folder.resolve("none"))).isEqualTo(1);
    assertThat(err.toString()).contains("none");
    assertThat(run("--dictionary", one, "--dictionary", one, "--store", folder.resolve("none")))
        .isEqualTo(1);
    assertThat(err.toString()).contains("none");
    assertThat(run("--dictionary", one, "--dictionary", one, "--hook", "x")).isEqualTo(2);
    assertThat(err.toString()).contains("--store");
  }

  private int run(Object... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    String[] words = new String[arguments.length + 1];
    words[0] = "compare";
    for (int i = 0; i < arguments.length; i++) {
      words[i + 1] = arguments[i].toString();
    }
    return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), words);
  }
}
