package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.ChildJvm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** {@code sweep --model}: cells that are trained side by side while a model runs. */
@Tag("slow")
class StreamedSweepTest extends StreamedCommands {

  @Override
  String text() {
    return letters();
  }

  @Test
  void aBufferOfAllTokensGivesTheSweepOfAStore() throws IOException {
    Path store = folder.resolve("store");
    List<String> source = List.of("--model", model(), "--text", text.toString());
    run(source, "capture", "--hooks", "layers.*.*", "--tokens", "4000", "--out", store.toString());
    String[] common =
        ("sweep --hook layers.1.attn_out --hook layers.2.resid --steps 60 --seed 5 --vary k=4"
                + " --vary activation=batchtopk,relu --vary penalty=0.2 --vary features=32,64"
                + " --vary batch=100,128 --vary resample=20 --dead-after 500")
            .split(" ");
    Path stored = folder.resolve("stored");
    run(List.of("--store", store.toString(), "--out", stored.toString()), common);
    Path streamed = folder.resolve("streamed");
    List<String> with = new ArrayList<>(source);
    with.addAll(List.of("--tokens", "4000", "--out", streamed.toString(), "--memory", "700K"));
    out.getBuffer().setLength(0);
    run(with, common);
    assertThat(err.toString()).contains("sweep: ").contains("in one window");
    List<String> cells = requireSameCells(streamed, stored);
    assertThat(cells).hasSize(16);
    assertThat(cells.getFirst())
        .isEqualTo("hook=layers.1.attn_out,activation=batchtopk,features=32,batch=100");
    assertThat(streamed.resolve("buffer")).doesNotExist();
    assertThat(out.toString()).contains("layers.1.attn_out, layers.2.resid: dead features");
    assertThat(out.toString().lines().filter(line -> line.matches(" +layers\\.2\\.resid .*")))
        .hasSize(8);
    // All of it is read without the model.
    Files.move(text, folder.resolve("gone.txt"));
    out.getBuffer().setLength(0);
    assertThat(sluice("sweep", "--resume", "--out", streamed.toString(), "--json"))
        .as(err.toString())
        .isZero();
    JsonNode json = new ObjectMapper().readTree(out.toString());
    assertThat(json.get("cells")).hasSize(16);
    assertThat(json.at("/groups/15/values/hook").asText()).isEqualTo("layers.2.resid");
    String page = folder.resolve("page.html").toString();
    assertThat(sluice("report", "--sweep", streamed.toString(), "--out", page)).isZero();
    assertThat(Files.readString(Path.of(page))).contains("hook layers.2.resid, activation relu");
  }

  /** The names of the cells. */
  private static List<String> requireSameCells(Path actual, Path expected) throws IOException {
    List<String> names = new ArrayList<>();
    JsonNode sweep = new ObjectMapper().readTree(expected.resolve("sweep.json").toFile());
    for (JsonNode cell : sweep.get("cells")) {
      String name = cell.get("name").asText();
      requireSameRun(actual.resolve("cells").resolve(name), expected.resolve("cells/" + name));
      names.add(name);
    }
    return names;
  }

  private static void requireSameRun(Path actual, Path expected) throws IOException {
    assertThat(actual.resolve(DICTIONARY)).hasSameBinaryContentAs(expected.resolve(DICTIONARY));
    for (String number : List.of("heldOutTokens", "heldOutFvu", "fvu", "l0", "loss")) {
      assertThat(result(actual).get(number)).as(number).isEqualTo(result(expected).get(number));
    }
  }

  /** Arguments of a sweep, or of runs, through several windows. */
  private List<String> windowed(String command, Path into) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                command,
                "--model",
                model(),
                "--text",
                text.toString(),
                "--buffer",
                "1500K",
                "--checkpoint-every",
                "10",
                "--log-every",
                "20",
                "--out",
                into.toString()));
    HOOKS.forEach(hook -> arguments.addAll(List.of("--hook", hook)));
    return arguments;
  }

  private List<String> sweep(Path into, String more) {
    List<String> arguments = windowed("sweep", into);
    arguments.addAll(List.of(("--batch 128 --vary features=32,64 --vary k=4 " + more).split(" ")));
    return arguments;
  }

  @Test
  void cellsAreTheRunsThatTrainGivesAndTheBufferKeepsItsSize() throws Exception {
    Path swept = folder.resolve("swept");
    AtomicLong most = new AtomicLong();
    Thread watch =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!Thread.interrupted()) {
                    most.accumulateAndGet(bytes(swept.resolve("buffer")), Math::max);
                  }
                });
    List<String> arguments = sweep(swept, "--vary batch=100,128 --vary seed=0,3");
    int status = sluice(arguments.toArray(String[]::new));
    watch.interrupt();
    watch.join();
    assertThat(status).as(err.toString()).isZero();
    assertThat(err.toString()).containsPattern("sweep: [\\d,]+ tokens of text in \\d+ windows of");
    assertThat(err.toString()).doesNotContain("groups");
    assertThat(most.get()).isBetween(600_000L, 1_500_000L);
    assertThat(swept.resolve("buffer")).doesNotExist();
    for (int features : List.of(32, 64)) {
      for (int batch : List.of(100, 128)) {
        for (int seed : List.of(0, 3)) {
          String cell = "features=" + features + ",batch=" + batch + ",seed=" + seed;
          Path alone = folder.resolve(cell);
          List<String> train = windowed("train", alone);
          String own = "--features " + features + " --batch " + batch + " --seed " + seed;
          train.addAll(List.of((own + " --k 4 --data-seed 0").split(" ")));
          assertThat(sluice(train.toArray(String[]::new))).as(err.toString()).isZero();
          for (String hook : HOOKS) {
            requireSameRun(swept.resolve("cells/hook=" + hook + "," + cell), alone.resolve(hook));
          }
        }
      }
    }
  }

  @Test
  void littleMemoryAndKillsChangeNothing() throws Exception {
    String more = "--vary batch=96,128 --steps 300 --vary auxk=on --dead-after 2000";
    Path whole = folder.resolve("whole");
    assertThat(sluice(sweep(whole, more).toArray(String[]::new))).as(err.toString()).isZero();
    assertThat(err.toString()).doesNotContain("groups");
    // A cell takes more than 100 KB.
    String little = more + " --memory 400K";
    Path groups = folder.resolve("groups");
    assertThat(sluice(sweep(groups, little).toArray(String[]::new))).as(err.toString()).isZero();
    assertThat(err.toString()).containsPattern("once for each of [3-8] groups");
    requireSameCells(groups, whole);
    Path killed = folder.resolve("killed");
    List<String> arguments = sweep(killed, little);
    String last = "hook=layers.2.resid,features=64,batch=128";
    String first = "hook=layers.1.attn_out,features=32,batch=96";
    int kills = 0;
    for (String cell : List.of(first, first, last, last)) {
      Process child = ChildJvm.start(KilledMillionTest.Child.class, "256m", arguments);
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
      int step = 30 + 100 * (kills++ % 2);
      while (newestCheckpoint(killed.resolve("cells").resolve(cell)) < step && child.isAlive()) {
        assertThat(System.nanoTime()).isLessThan(end);
      }
      assertThat(child.isAlive()).isTrue();
      child.destroyForcibly().waitFor();
      assertThat(killed.resolve("cells").resolve(last).resolve(DICTIONARY)).doesNotExist();
      arguments = List.of("sweep", "--resume", "--out", killed.toString(), "--memory", "400K");
    }
    Path cell = killed.resolve("cells").resolve(last);
    assertThat(sluice("train", "--resume", "--out", cell.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("'sluice sweep --resume --out " + killed.toAbsolutePath());
    assertThat(sluice("train", "--resume", "--out", killed.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("continue it with 'sluice sweep --resume'");
    assertThat(sluice("sweep", "--resume", "--out", killed.toString(), "--store", "x"))
        .isEqualTo(2);
    assertThat(lastLine()).contains("reads no store");
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isZero();
    assertThat(requireSameCells(killed, whole)).hasSize(8);
    assertThat(killed.resolve("buffer")).doesNotExist();
  }

  @Test
  void aSweepKilledInItsFirstWindowIsResumed() throws Exception {
    Files.writeString(text, words(120_000, 5));
    Path whole = folder.resolve("whole");
    ok(large(whole));
    Path killed = folder.resolve("killed0");
    for (int attempt = 1; !isKilledInFirstWindow(killed); attempt++) {
      assertThat(attempt).as("attempts in which the first window was there").isLessThan(10);
      killed = folder.resolve("killed" + attempt);
    }
    assertThat(sluice(large(killed))).isEqualTo(1);
    assertThat(lastLine()).contains("holds a sweep already; continue it with --resume");
    ok(List.of("sweep", "--resume", "--out", killed.toString()));
    assertThat(requireSameCells(killed, whole)).hasSize(4);
    JsonNode expected = json(whole.resolve("sweep.json"));
    JsonNode actual = json(killed.resolve("sweep.json"));
    assertThat(actual.at("/cells/3/config/heldOut"))
        .isEqualTo(expected.at("/cells/3/config/heldOut"));
    assertThat(actual.at("/cells/3/config/heldOut/tokens").asInt()).isPositive();
    assertThat(actual.at("/cells/3/config/widths"))
        .isEqualTo(expected.at("/cells/3/config/widths"));
    assertThat(killed.resolve("buffer")).doesNotExist();
    assertThat(names(killed, ".*\\.tmp")).isEmpty();
  }

  private List<String> large(Path into) {
    List<String> words = sweep(into, "--steps 60");
    words.set(words.indexOf("--buffer") + 1, "24M");
    return words;
  }

  private boolean isKilledInFirstWindow(Path swept) throws Exception {
    killed(large(swept), () -> Files.exists(swept.resolve("buffer/shard-00000.arrow")));
    return !json(swept.resolve("stream.json")).has("windows");
  }

  /** The system's limit on the size of a file stands for a full disk, as in FullDiskTest. */
  @ParameterizedTest
  @ValueSource(strings = {"32 buffer/shard-0000\\d.arrow", "200 cells/.*/checkpoint-\\d+.s"})
  @DisabledOnOs(OS.WINDOWS)
  void aFullDiskEndsInOneLineAndTheSweepContinues(String limit) throws Exception {
    String[] place = limit.split(" ");
    Path whole = folder.resolve("whole");
    ok(wide(whole));
    Path swept = folder.resolve("swept");
    String last = "cells/hook=layers.2.resid,features=512";
    killed(wide(swept), () -> newestCheckpoint(swept.resolve(last)) >= 30);
    List<String> resume = List.of("sweep", "--resume", "--out", swept.toString());
    String error = limited(place[0], resume);
    assertThat(error)
        .containsPattern(place[1] + ".*: cannot be written \\(File too large\\); make room");
    if (limit.contains("checkpoint")) {
      assertThat(error)
          .contains("; the checkpoints before stay, and --resume --out " + swept + " continues");
    }
    assertThat(newestCheckpoint(swept.resolve(last))).isGreaterThanOrEqualTo(30);
    assertThat(swept.resolve("buffer")).doesNotExist();
    ok(resume);
    assertThat(requireSameCells(swept, whole)).hasSize(4);
    // A sweep that does not fit from the beginning leaves nothing, and can be begun as before.
    Path begun = folder.resolve("begun");
    assertThat(limited("32", wide(begun)))
        .containsPattern("buffer/.*: cannot be written \\(File too large\\); make room");
    assertThat(begun).doesNotExist();
  }

  private List<String> wide(Path into) {
    List<String> words = sweep(into, "--steps 130");
    words.set(words.indexOf("features=32,64"), "features=32,512");
    return words;
  }

  /** The one line of an error of a command that may write no file of more KiB. */
  private String limited(String size, List<String> words) throws Exception {
    String shell = "(ulimit -f " + size + "; exec \"$@\") 2>&1 | cat";
    List<String> command = new ArrayList<>(List.of("bash", "-c", shell, "-"));
    command.add(Path.of("bin/sluice").toAbsolutePath().toString());
    command.addAll(words);
    Map<String, String> environment = Map.of("SLUICE_JAVA_OPTS", "-XX:-UsePerfData");
    String said = CommandProcess.run(folder, environment, command).out();
    List<String> errors = said.lines().filter(line -> line.startsWith("sluice ")).toList();
    assertThat(errors).as(said).hasSize(1);
    return errors.getFirst();
  }

  @Test
  void aCellThatDivergesEndsAlone() throws IOException {
    Path both = folder.resolve("both");
    List<String> arguments = sweep(both, "--vary lr=0.001,1e30");
    assertThat(sluice(arguments.toArray(String[]::new))).isEqualTo(1);
    assertThat(err.toString()).contains("sluice: cell hook=layers.1.attn_out,features=32,lr=1e30");
    assertThat(out.toString())
        .contains("not trained: hook=layers.2.resid,features=64,lr=1e30: ")
        .contains("try a lower learning rate");
    Path one = folder.resolve("one");
    assertThat(sluice(sweep(one, "--vary lr=0.001").toArray(String[]::new))).isZero();
    for (String hook : HOOKS) {
      String cell = "hook=" + hook + ",features=64";
      requireSameRun(
          both.resolve("cells/" + cell + ",lr=0.001"), one.resolve("cells").resolve(cell));
    }
  }

  @Test
  void aTextThatIsGoneEndsInOneLineAndTheSweepContinues() throws Exception {
    Path whole = folder.resolve("whole");
    String more = "--steps 1500";
    assertThat(sluice(sweep(whole, more).toArray(String[]::new))).as(err.toString()).isZero();
    Path broken = folder.resolve("broken");
    Path hidden = folder.resolve("hidden.txt");
    Path watched = broken.resolve("cells/hook=layers.2.resid,features=64");
    Thread hides =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    while (newestCheckpoint(watched) < 10) {
                      Thread.onSpinWait();
                    }
                    Files.move(text, hidden);
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                });
    err.getBuffer().setLength(0);
    // Each pass opens the text again.
    assertThat(sluice(sweep(broken, more).toArray(String[]::new))).isEqualTo(1);
    hides.join();
    assertThat(lastLine())
        .contains("words.txt")
        .contains("there are checkpoints of the cells in training")
        .contains("--resume --out " + broken);
    String content = Files.readString(hidden);
    Files.writeString(text, content.substring(200));
    assertThat(sluice("sweep", "--resume", "--out", broken.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("stream.json").contains("are not those that the run was begun");
    Files.writeString(text, content);
    assertThat(sluice("sweep", "--resume", "--out", broken.toString())).as(err.toString()).isZero();
    requireSameCells(broken, whole);
  }

  @ParameterizedTest
  @CsvSource({
    "--buffer=1K, 2, 'is too small: two windows of'",
    "--text=none.txt, 1, 'none.txt: no such file'",
    "--hook=layers.9.resid, 1, '0 to 2'",
    "'--hook=layers.0.resid,layers.1.resid', 2, 'give --hook once for each'",
    "--hook=layers.2.resid, 2, 'axis hook has ''layers.2.resid'' twice'",
    "--vary=hook=a, 2, 'give --hook once for each hook point instead'",
    "--vary=kind=crosscoder, 2, 'kind cannot be an axis'",
    "--vary=d-init=500, 1, 'd_init is 500'",
    "--tokens=5, 1, 'has not 128 tokens to train on'",
    "--store=x, 2, 'give --store or --model, not both'",
    "--memory=10K, 1, 'of memory, but the sweep has 10 KB; give it more, or fewer features'",
    "--memory=lots, 2, 'is not a size'",
  })
  void badOptionsEndInOneLine(String option, int status, String message) {
    Path swept = folder.resolve("swept");
    List<String> arguments = sweep(swept, "--seed 1");
    String name = option.replaceFirst("=.*", "");
    if (!List.of("--hook", "--vary").contains(name) && arguments.contains(name)) {
      int at = arguments.indexOf(name);
      arguments.subList(at, at + 2).clear();
    }
    arguments.add(option);
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isEqualTo(status);
    assertThat(err.toString().lines()).as(err.toString()).hasSize(1);
    assertThat(err.toString()).contains(message);
    assertThat(swept).doesNotExist();
  }

  @Test
  void aFolderHoldsOneSweep() throws IOException {
    Path swept = folder.resolve("swept");
    List<String> arguments = sweep(swept, "--steps 5");
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isZero();
    assertThat(sluice(arguments.toArray(String[]::new))).isEqualTo(1);
    assertThat(lastLine()).contains("holds a sweep already");
    assertThat(sluice("sweep", "--resume", "--out", swept.toString(), "--buffer", "2G"))
        .isEqualTo(2);
    assertThat(lastLine()).contains("leave out --buffer");
    Files.delete(swept.resolve("sweep.json"));
    assertThat(sluice("sweep", "--resume", "--out", swept.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("there is no sweep");
    // A kill between the first window and the grid leaves the same.
    Files.move(swept.resolve("cells"), folder.resolve("before"));
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isZero();
    requireSameRun(
        swept.resolve("cells/hook=layers.2.resid,features=32"),
        folder.resolve("before/hook=layers.2.resid,features=32"));
    Path runs = folder.resolve("runs");
    List<String> train = windowed("train", runs);
    train.addAll(List.of(("--features 32 --k 4 --steps 5 --batch 128").split(" ")));
    assertThat(sluice(train.toArray(String[]::new))).as(err.toString()).isZero();
    assertThat(sluice(sweep(runs, "--steps 5").toArray(String[]::new))).isEqualTo(1);
    assertThat(lastLine()).contains("holds runs already");
    arguments.remove("--text");
    arguments.remove(text.toString());
    assertThat(sluice(arguments.toArray(String[]::new))).isEqualTo(2);
    assertThat(lastLine()).contains("give --text");
    assertThat(
            sluice(
                "sweep",
                "--store",
                "s",
                "--hook",
                "h",
                "--vary",
                "k=1",
                "--buffer",
                "1G",
                "--out",
                "o"))
        .isEqualTo(2);
    assertThat(lastLine()).contains("--buffer is about a model that runs");
  }

  @Test
  void aClusterTrainsOnStoresAlone() {
    CommandLine cluster = io.sluice.spark.Main.commandLine();
    String help = cluster.getSubcommands().get("sweep").getUsageMessage();
    assertThat(help).contains("--vary").doesNotContain("--buffer", "--model", "--text");
  }
}
