package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.TinyModel;
import io.sluice.testing.ChildJvm;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * What tests of {@code train --model} and {@code sweep --model} share: a text, a tiny model, runs
 * in windows, kills.
 */
abstract class StreamedCommands {
  static final String DICTIONARY = "dictionary.safetensors";
  static final List<String> HOOKS = List.of("layers.1.attn_out", "layers.2.resid");

  private static final List<String> VOCABULARY =
      List.of("the whale white sea of a . , call me ship sail and on to in".split(" "));

  @TempDir Path folder;
  final StringWriter out = new StringWriter();
  final StringWriter err = new StringWriter();
  Path text;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text = Files.writeString(folder.resolve("words.txt"), text());
  }

  /** What the model reads. */
  String text() {
    return words(9000, 3);
  }

  /** Words of one to three equal letters. */
  static String letters() {
    return new Random(3)
        .ints(9000, 0, 26)
        .mapToObj(letter -> String.valueOf((char) ('a' + letter)).repeat(1 + letter % 3))
        .collect(Collectors.joining(" "));
  }

  /** Words that the model's vocabulary has. */
  static String words(int count, int seed) {
    return new Random(seed)
        .ints(count, 0, VOCABULARY.size())
        .mapToObj(VOCABULARY::get)
        .collect(Collectors.joining(" "));
  }

  static String model() {
    return TinyModel.LLAMA.folder().toAbsolutePath().toString();
  }

  /** Options of a run of two dictionaries through several windows, twice over the text. */
  List<String> windowed(Path into, String... more) {
    List<String> words =
        new ArrayList<>(List.of("train", "--model", model(), "--text", text.toString()));
    HOOKS.forEach(hook -> words.addAll(List.of("--hook", hook)));
    words.addAll(
        List.of(
            ("--features 64 --k 4 --batch 128 --buffer 1500K --steps 130 --checkpoint-every 10"
                    + " --log-every 20 --out")
                .split(" ")));
    words.add(into.toString());
    words.addAll(List.of(more));
    return words;
  }

  int sluice(List<String> words) {
    return sluice(words.toArray(String[]::new));
  }

  int sluice(String... words) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), words);
  }

  /** Runs a command with more options behind its own. */
  void run(List<String> more, String... words) {
    List<String> all = new ArrayList<>(List.of(words));
    all.addAll(more);
    ok(all);
  }

  void ok(List<String> words) {
    assertThat(sluice(words)).as(() -> words + "\n" + err).isZero();
  }

  void ok(String words, String... more) {
    List<String> all = new ArrayList<>(List.of(words.strip().split(" +")));
    all.addAll(List.of(more));
    ok(all);
  }

  List<String> resume(Path run) {
    return List.of("train", "--resume", "--out", run.toString());
  }

  String lastLine() {
    return err.toString().lines().reduce("", (before, line) -> line);
  }

  /**
   * Runs a command in another process, and kills that.
   *
   * @param when it is killed then, if it has not ended
   */
  static void killed(List<String> words, BooleanSupplier when) throws Exception {
    Process child = ChildJvm.start(KilledMillionTest.Child.class, "256m", words);
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!when.getAsBoolean() && child.isAlive()) {
      assertThat(System.nanoTime()).isLessThan(end);
    }
    child.destroyForcibly().waitFor();
  }

  static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  static JsonNode result(Path run) throws IOException {
    return json(run.resolve("run.json")).path("result");
  }

  /** Bytes of all files in a folder; 0 if one goes meanwhile. */
  static long bytes(Path place) {
    try (Stream<Path> files = Files.walk(place)) {
      long sum = 0;
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        sum += Files.size(file);
      }
      return sum;
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  static int newestCheckpoint(Path run) {
    return names(run, "checkpoint-\\d+\\.safetensors").stream()
        .mapToInt(name -> Integer.parseInt(name.replaceAll("\\D", "")))
        .max()
        .orElse(-1);
  }

  /** The files of a folder whose names match. */
  static List<String> names(Path run, String pattern) {
    try (Stream<Path> files = Files.list(run)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.matches(pattern))
          .sorted()
          .toList();
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Both dictionaries of a run in windows have the same bytes, and nothing else is left. */
  static void requireSame(Path actual, Path expected) {
    for (String hook : HOOKS) {
      assertThat(actual.resolve(hook).resolve(DICTIONARY))
          .hasSameBinaryContentAs(expected.resolve(hook).resolve(DICTIONARY));
      assertThat(names(actual.resolve(hook), ".*\\.tmp")).isEmpty();
    }
    assertThat(actual.resolve("buffer")).doesNotExist();
  }
}
