package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.CommandWords;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of options, and other spellings of options. */
@Tag("slow")
class CommandWordsTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int sluice(String... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Main.run(out, err, args);
  }

  private static String words(String line) {
    return String.join(" ", CommandWords.of(Main.commandLine(), line.split(" ")));
  }

  private String file(String name, String text) throws IOException {
    return "@" + Files.writeString(folder.resolve(name), text);
  }

  @Test
  void aFileStandsForItsWords() throws IOException {
    String file =
        file(
            "run.args",
            """
            # The first run.
            --store 'my activations'   # quotes keep a space

            --hook layers.3.attn_out --features=4096
            --name "a # that is no comment" --k 32#no
              --json
            """);
    assertThat(CommandWords.of(Main.commandLine(), "train", file, "--out", "runs/a"))
        .containsExactly(
            "train",
            "--store",
            "my activations",
            "--hook",
            "layers.3.attn_out",
            "--features=4096",
            "--name",
            "a # that is no comment",
            "--k",
            "32#no",
            "--json",
            "--out",
            "runs/a");
  }

  @Test
  void theCommandLineReplacesWhatAFileSays() throws IOException {
    String base = file("base.args", "--k 32 --lr 0.001 --no-centre --features 64");
    String more = file("more.args", "--k 8 --seed 3");
    assertThat(words("train --lr 0.5 " + base + " " + more + " --centre --seed=4"))
        .isEqualTo("train --lr 0.5 --features 64 --k 8 --centre --seed=4");
    // An option that may be given several times keeps all its values of one place.
    String axes = file("axes.args", "--vary k=1,2 --vary seed=0,1");
    assertThat(words("sweep " + axes + " --out o"))
        .isEqualTo("sweep --vary k=1,2 --vary seed=0,1 --out o");
    assertThat(words("sweep " + axes + " --vary k=4 --out o"))
        .isEqualTo("sweep --vary k=4 --out o");
    // What is given twice on the command line stays a mistake.
    assertThat(sluice("train", "--k", "1", "--k", "2", "--out", "o")).isEqualTo(2);
    assertThat(err.toString()).contains("--k");
  }

  @Test
  void aRunOfAFileIsTheRunOfItsOptions() throws IOException {
    Path store = folder.resolve("store");
    SyntheticStore.write(store, 1500, DType.F32, 1);
    String file =
        file(
            "run.args",
            """
            --store '%s'
            --hook %s       # what SyntheticStore writes
            --features 64 --k 4 --steps 6 --batch 64
            --out '%s'
            """
                .formatted(store, SyntheticStore.HOOK, folder.resolve("a run")));
    assertThat(sluice("train", file, "--k", "3")).as(err.toString()).isZero();
    JsonNode config =
        new ObjectMapper().readTree(folder.resolve("a run/run.json").toFile()).get("config");
    assertThat(config.get("features").asInt()).isEqualTo(64);
    assertThat(config.get("k").asInt()).isEqualTo(3);
  }

  @Test
  void aValueWithAnAtSignIsNoFile() {
    assertThat(words("generate --prompt @you --tokens 4"))
        .isEqualTo("generate --prompt @you --tokens 4");
    assertThat(words("train --name=@you")).isEqualTo("train --name=@you");
    assertThat(words("capture --text a @@b")).isEqualTo("capture --text a @b");
    assertThat(words("bench @@b")).isEqualTo("bench @b");
    assertThat(words("bench @")).isEqualTo("bench @");
    assertThat(words("bench -- @b --threads")).isEqualTo("bench -- @b --threads");
  }

  @Test
  void filesThatCannotBeTakenAreNamedInOneLine() throws IOException {
    assertRefused("no such file of options", "train", "@" + folder.resolve("none"));
    assertRefused("line 2", "train", file("open.args", "--k 3\n--name 'open\n"));
    assertRefused("names another", "train", file("nested.args", "@other.args"));
    assertRefused("before the command", file("early.args", "--k 3"), "train");
    assertRefused("UTF-8", "train", "@" + Files.write(folder.resolve("b"), new byte[] {-1, -2}));
    assertRefused("", "train", "@" + folder);
  }

  private void assertRefused(String why, String... args) {
    assertThat(sluice(args)).isEqualTo(2);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains(why);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train --optimizer adam | train --optimiser adam",
        "train --no-center | train --no-centre",
        "train --no_center | train --no-centre",
        "train --normalize | train --normalise",
        "train --d-sae=64 | train --features=64",
        "train --d_sae 64 | train --features 64",
        "features --d-sae 64 | features --d-sae 64",
        "train --num_latents 64 | train --features 64",
        "train --dict_size 64 | train --features 64",
        "train --architecture gated | train --activation gated",
        "train --hook_name h --training_tokens 9 | train --hook h --tokens 9",
        "train --learning_rate 1 --lr_warm_up_steps 2 | train --lr 1 --warmup 2",
        "train --top_k 4 --act-fn topk --initial-k 9 | train --k 4 --activation topk --k-start 9",
        "generate --top_k 4 | generate --top-k 4",
        "train --checkpoint_every 5 | train --checkpoint-every 5",
        "train --name --d-sae | train --name --d-sae",
        "lorsa train --no-normalize --center | lorsa train --no-normalise --centre",
        "capture --hookpoints h --ctx_len 4 | capture --hooks h --context 4",
        "train --hookpoints h | train --hook h",
        "train --no-such-option | train --no-such-option",
        "doctor --optimizer adam | doctor --optimizer adam",
      })
  void otherSpellingsOfOptionsAreTaken(String typed, String parsed) {
    assertThat(words(typed)).isEqualTo(parsed);
  }

  @Test
  void everySpellingMeansAnOptionOfSomeCommandAndHelpShowsIt() {
    StringBuilder pages = new StringBuilder();
    HelpPageTest.commands().forEach(command -> pages.append(command.getUsageMessage()));
    assertThat(OptionSpelling.all())
        .allSatisfy(spelling -> assertThat(pages).contains("--" + spelling));
  }

  @Test
  void thePageOfTheCommandLineListsSpellingsThatTrainTakes() throws IOException {
    List<String> rows =
        Files.readAllLines(Path.of("docs/command-line.md")).stream()
            .filter(row -> row.matches("\\| `--[^|]*\\| `--[^|]*\\|"))
            .toList();
    assertThat(rows).hasSizeGreaterThan(8);
    for (String row : rows) {
      String[] columns = row.substring(2).split("\\|");
      for (String spelling : columns[1].strip().replace("`", "").split(", ")) {
        String taken = words("train " + spelling).substring("train ".length());
        assertThat(taken).isNotEqualTo(spelling);
        assertThat(columns[0]).contains("`" + taken + "`");
      }
    }
  }

  @Test
  void otherSpellingsOfValuesAreTaken() {
    List<String> known = List.of("topk", "batchtopk", "relu", "matching_pursuit", "sparse-adam");
    assertThat(
            Stream.of("TopK", "batch_topk", "Batch-TopK", "matching-pursuit", "sparse_adam")
                .map(value -> OptionSpelling.value(value, known)))
        .containsExactly("topk", "batchtopk", "batchtopk", "matching_pursuit", "sparse-adam");
    assertThat(OptionSpelling.value("standard", known)).isEqualTo("relu");
    assertThat(OptionSpelling.value("swish", known)).isEqualTo("swish");
  }

  @Test
  void aTrainingTakesThemAll() throws IOException {
    Path store = folder.resolve("store");
    SyntheticStore.write(store, 1500, DType.F32, 1);
    String run = folder.resolve("run").toString();
    assertThat(
            sluice(
                "train --architecture BatchTopK --optimizer Sparse_Adam --no-center --d-sae 64"
                    .concat(" --k 4 --steps 6 --batch 64 --normalize --store " + store)
                    .concat(" --hook_name " + SyntheticStore.HOOK + " --out " + run)
                    .split(" ")))
        .as(err.toString())
        .isZero();
    JsonNode config = new ObjectMapper().readTree(Path.of(run, "run.json").toFile()).get("config");
    assertThat(config.get("features").asInt()).isEqualTo(64);
    assertThat(config.get("centre").asBoolean()).isFalse();
    assertThat(config.toString()).contains("batchtopk", "sparse-adam");
  }

  @Test
  void axesOfASweepTakeThemToo() throws IOException {
    Path store = folder.resolve("store");
    SyntheticStore.write(store, 1500, DType.F32, 1);
    assertThat(
            sluice(
                ("sweep --hook_name %s --store %s --out %s --steps 3 --batch 64 --vary d_sae=16"
                        + " --vary k=2 --vary optimizer=adam,sparse_adam --vary centering=off,ON"
                        + " --vary architecture=batch_topk")
                    .formatted(SyntheticStore.HOOK, store, folder.resolve("sweep"))
                    .split(" ")))
        .as(err.toString())
        .isZero();
    assertThat(out.toString()).contains("sparse-adam");
    try (Stream<Path> cells = Files.list(folder.resolve("sweep/cells"))) {
      assertThat(cells).hasSize(4);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"help", "help train", "help lorsa train", "help help"})
  void helpIsACommand(String line) {
    assertThat(sluice(line.split(" "))).isZero();
    String shown = out.toString();
    assertThat(err.toString()).isEmpty();
    String rest = line.equals("help") ? "--help" : line.substring("help ".length()) + " --help";
    assertThat(sluice(rest.split(" "))).isZero();
    assertThat(shown).isEqualTo(out.toString()).contains("Usage: sluice");
  }

  @Test
  void helpOfNoCommandIsAUsageError() {
    assertRefused("unknown command 'trian' (did you mean train?)", "help", "trian");
    assertRefused("unknown command 'x'; there are train, evaluate", "help", "lorsa", "x");
  }
}
