package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.files.OutputFolder;
import io.sluice.memory.DType;
import io.sluice.testing.ChildJvm;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code train --model}: dictionaries that are trained while a model runs. */
@Tag("slow")
class StreamedTrainingTest extends StreamedCommands {

  @Override
  String text() {
    return letters();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--hook layers.1.attn_out",
        "--hook layers.1.attn_out --held-out 0 --engine torch",
        "--hook layers.0.resid --target layers.1.mlp_out --skip",
        "--hook layers.0.resid,layers.2.resid --init random",
        "--hook layers.1.resid --activation batchtopk --auxk auto --dead-after 500",
        "--hook layers.1.resid --resample-every 20 --dead-after 500",
        "--hook layers.1.resid --whiten",
      })
  void aBufferOfAllTokensGivesTheDictionaryOfAStore(String choice) throws IOException {
    Path store = folder.resolve("store");
    List<String> source = List.of("--model", model(), "--text", text.toString());
    run(source, "capture", "--hooks", "layers.*.*", "--tokens", "4000", "--out", store.toString());
    String[] common =
        ("train --features 64 --k 4 --batch 100 --steps 90 --log-every 30 --seed 5"
                + " --keep-checkpoints 1 "
                + choice)
            .split(" ");
    Path stored = folder.resolve("stored");
    run(List.of("--store", store.toString(), "--out", stored.toString()), common);
    Path streamed = folder.resolve("streamed");
    List<String> with = new ArrayList<>(source);
    with.addAll(List.of("--tokens", "4000", "--out", streamed.toString()));
    run(with, common);
    assertThat(streamed.resolve(DICTIONARY)).hasSameBinaryContentAs(stored.resolve(DICTIONARY));
    JsonNode one = result(stored);
    JsonNode other = result(streamed);
    for (String number : List.of("heldOutTokens", "fvu", "l0", "deadFraction", "loss")) {
      assertThat(other.get(number)).as(number).isEqualTo(one.get(number));
    }
    assertThat(other.get("heldOutFvu")).isEqualTo(one.get("heldOutFvu"));
    assertThat(streamed.resolve("buffer")).doesNotExist();
    assertThat(err.toString()).contains("in one window");
    // The last checkpoint is the dictionary, with the store, without it, and of the stream.
    Path checkpoint = Path.of("checkpoint-000000090.safetensors");
    requireConverted(stored.resolve(checkpoint), stored);
    requireConverted(streamed.resolve(checkpoint), stored);
    if (!choice.contains(",")) {
      OutputFolder.deleteTree(store);
      requireConverted(stored.resolve(checkpoint), stored);
    }
  }

  private void requireConverted(Path checkpoint, Path run) throws IOException {
    Path converted = folder.resolve("converted");
    List<String> words = List.of("--to", "sluice", "--out", converted.toString());
    run(words, "convert", "--dictionary", checkpoint.toString());
    assertThat(converted.resolve(DICTIONARY)).hasSameBinaryContentAs(run.resolve(DICTIONARY));
    OutputFolder.deleteTree(converted);
  }

  @Test
  void severalHookPointsTrainADictionaryEachInOnePass() throws IOException {
    Path store = folder.resolve("store");
    List<String> source = List.of("--model", model(), "--text", text.toString());
    run(source, "capture", "--hooks", "layers.*.*", "--tokens", "3000", "--out", store.toString());
    String[] common = "train --features 32 --k 4 --batch 100 --steps 40".split(" ");
    List<String> choices =
        List.of("layers.0.resid", "layers.2.attn_out", "layers.1.resid,layers.2.resid");
    Path streamed = folder.resolve("streamed");
    List<String> with = new ArrayList<>(source);
    with.addAll(List.of("--tokens", "3000", "--out", streamed.toString(), "--json"));
    choices.forEach(choice -> with.addAll(List.of("--hook", choice)));
    out.getBuffer().setLength(0);
    run(with, common);
    JsonNode printed = new ObjectMapper().readTree(out.toString());
    for (String choice : choices) {
      String name = choice.replace(',', '+');
      Path alone = folder.resolve(name);
      run(
          List.of("--store", store.toString(), "--out", alone.toString(), "--hook", choice),
          common);
      assertThat(streamed.resolve(name).resolve(DICTIONARY))
          .hasSameBinaryContentAs(alone.resolve(DICTIONARY));
      assertThat(printed.get(name).get("fvu")).isEqualTo(result(alone).get("fvu"));
    }
    assertThat(sluice("train", "--resume", "--out", streamed.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("this run is complete; there is nothing to resume");
    String[] whole = {"evaluate", "--dictionary", streamed.toString(), "--store", store.toString()};
    assertThat(sluice(whole)).isEqualTo(1);
    assertThat(lastLine())
        .contains(
            "as in it 'layers.0.resid', 'layers.1.resid+layers.2.resid', 'layers.2.attn_out';"
                + " name one of them");
  }

  /** Arguments of a run through several windows, twice over the text. */
  private List<String> windowed(Path into) {
    return windowed(into, 300);
  }

  private List<String> windowed(Path into, int steps) {
    return List.of(
        "train",
        "--model",
        model(),
        "--text",
        text.toString(),
        "--hook",
        "layers.1.attn_out",
        "--hook",
        "layers.2.resid",
        "--features",
        "64",
        "--k",
        "4",
        "--batch",
        "128",
        "--buffer",
        "1500K",
        "--steps",
        Integer.toString(steps),
        "--checkpoint-every",
        "10",
        "--log-every",
        "20",
        "--out",
        into.toString());
  }

  @Test
  void theBufferKeepsItsSizeAndTheRunIsReplayed() throws Exception {
    Path one = folder.resolve("one");
    AtomicLong most = new AtomicLong();
    Thread watch =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!Thread.interrupted()) {
                    most.accumulateAndGet(bytes(one.resolve("buffer")), Math::max);
                  }
                });
    int status = sluice(windowed(one).toArray(String[]::new));
    watch.interrupt();
    watch.join();
    assertThat(status).as(err.toString()).isZero();
    assertThat(err.toString()).containsPattern("train: [\\d,]+ tokens of text in \\d+ windows of");
    assertThat(most.get()).isBetween(600_000L, 1_500_000L);
    assertThat(one.resolve("buffer")).doesNotExist();
    Path two = folder.resolve("two");
    assertThat(sluice(windowed(two).toArray(String[]::new))).isZero();
    requireSameDictionaries(two, one);
  }

  private static void requireSameDictionaries(Path actual, Path expected) {
    for (String hook : List.of("layers.1.attn_out", "layers.2.resid")) {
      assertThat(actual.resolve(hook).resolve(DICTIONARY))
          .hasSameBinaryContentAs(expected.resolve(hook).resolve(DICTIONARY));
    }
  }

  @Test
  void killedRunsEndInTheSameDictionaries() throws Exception {
    Path whole = folder.resolve("whole");
    assertThat(sluice(windowed(whole).toArray(String[]::new))).as(err.toString()).isZero();
    Path killed = folder.resolve("killed");
    List<String> arguments = windowed(killed);
    for (int step : List.of(30, 90, 150)) {
      Process child = ChildJvm.start(KilledMillionTest.Child.class, "256m", arguments);
      long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
      while (newestCheckpoint(killed.resolve("layers.2.resid")) < step && child.isAlive()) {
        assertThat(System.nanoTime()).isLessThan(end);
      }
      child.destroyForcibly().waitFor();
      assertThat(killed.resolve("layers.2.resid").resolve(DICTIONARY)).doesNotExist();
      arguments = List.of("train", "--resume", "--out", killed.toString());
    }
    assertThat(sluice("train", "--resume", "--out", killed.resolve("layers.2.resid").toString()))
        .isEqualTo(1);
    assertThat(lastLine()).contains("one of several runs that one model feeds");
    assertThat(sluice("train", "--resume", "--out", killed.toString())).as(err.toString()).isZero();
    requireSameDictionaries(killed, whole);
    assertThat(killed.resolve("buffer")).doesNotExist();
  }

  @Test
  void aTextThatIsGoneEndsInOneLineAndTheRunContinues() throws Exception {
    Path whole = folder.resolve("whole");
    assertThat(sluice(windowed(whole, 1500).toArray(String[]::new))).as(err.toString()).isZero();
    Path broken = folder.resolve("broken");
    Path hidden = folder.resolve("hidden.txt");
    Thread hides =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    while (newestCheckpoint(broken.resolve("layers.2.resid")) < 10) {
                      Thread.onSpinWait();
                    }
                    Files.move(text, hidden);
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                });
    err.getBuffer().setLength(0);
    // Each pass opens the text again.
    assertThat(sluice(windowed(broken, 1500).toArray(String[]::new))).isEqualTo(1);
    hides.join();
    assertThat(lastLine())
        .contains("words.txt")
        .contains("there is a checkpoint of step")
        .contains("--resume --out " + broken);
    assertThat(sluice("train", "--resume", "--out", broken.toString())).isEqualTo(1);
    String content = Files.readString(hidden);
    Files.writeString(text, content.substring(200));
    assertThat(sluice("train", "--resume", "--out", broken.toString())).isEqualTo(1);
    assertThat(lastLine()).contains("stream.json").contains("are not those that the run was begun");
    Files.writeString(text, content);
    assertThat(sluice("train", "--resume", "--out", broken.toString())).as(err.toString()).isZero();
    requireSameDictionaries(broken, whole);
  }

  @Test
  void memoryDoesNotGrowWithTheTokens() throws Exception {
    StringBuilder words = new StringBuilder();
    Random random = new Random(7);
    while (words.length() < 1_200_000) {
      words.append((char) ('a' + random.nextInt(26))).append(' ');
    }
    Files.writeString(text, words);
    Path many = folder.resolve("many");
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--model",
                model(),
                "--text",
                text.toString(),
                "--features",
                "32",
                "--k",
                "2",
                "--batch",
                "1024",
                "--buffer",
                "24M",
                "--context",
                "64",
                "--out",
                many.toString()));
    for (int layer = 0; layer < 3; layer++) {
      for (String kind : List.of("resid", "attn_out", "mlp_out", "z", "mlp_act")) {
        arguments.addAll(List.of("--hook", "layers." + layer + "." + kind));
      }
    }
    // The activations are 1.4 KB for each of half a million tokens.
    Process child = ChildJvm.start(KilledMillionTest.Child.class, "96m", arguments);
    String said = new String(child.getInputStream().readAllBytes());
    assertThat(child.waitFor()).as(said).isZero();
    assertThat(said).containsPattern("\\d{3},\\d{3} tokens of text in \\d{2,} windows");
  }

  @ParameterizedTest
  @CsvSource({
    "--buffer=1K, 2, 'is too small: two windows of'",
    "--buffer=much, 2, 'is not a size'",
    "--text=none.txt, 1, 'none.txt: no such file'",
    "--hook=layers.9.resid, 1, '0 to 2'",
    "'--hook=layers.1.resid,', 2, 'empty name'",
    "--context=0, 2, '--context'",
    "--context=900, 2, 'at most'",
    "--model-batch=-1, 2, '--model-batch'",
    "--model-device=tpu, 2, '--model-device'",
    "--dtype=int8, 2, 'float16'",
    "--compute=int8, 2, '--compute'",
    "--tokens=5, 1, 'has not 128 tokens to train on'",
    "--store=x, 2, 'give --store or --model, not both'",
    "--features=0, 2, 'features'",
    "--k=100, 2, 'more than the number of features'",
    "--target=layers.1.resid, 2, 'give one --target for each --hook'",
    "--hook=layers.2.resid, 2, 'is given twice'",
    "--hook=layers.*.mlp_out, 2, 'stands for several hook points; give --hook once for each'",
    "--hook=layers.0-1.mlp_out, 2, 'stands for several hook points; give --hook once for each'",
  })
  void badOptionsEndInOneLine(String option, int status, String message) {
    Path run = folder.resolve("run");
    List<String> arguments = new ArrayList<>(windowed(run));
    if (option.startsWith("--hook=layers.9") || option.contains(",")) {
      arguments.removeAll(List.of("--hook", "layers.1.attn_out", "layers.2.resid"));
    } else if (!option.startsWith("--hook") && arguments.contains(option.replaceFirst("=.*", ""))) {
      int at = arguments.indexOf(option.replaceFirst("=.*", ""));
      arguments.subList(at, at + 2).clear();
    }
    arguments.add(option);
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isEqualTo(status);
    assertThat(err.toString().lines()).as(err.toString()).hasSize(1);
    assertThat(err.toString()).contains(message);
    assertThat(run).doesNotExist();
  }

  @Test
  void optionsThatDoNotGoTogetherAreRefused() throws IOException {
    String run = folder.resolve("run").toString();
    assertThat(sluice("train", "--model", model(), "--hook", "layers.1.resid", "--out", run))
        .isEqualTo(2);
    assertThat(lastLine()).contains("give --text");
    assertThat(sluice("train", "--model", model(), "--text", text.toString(), "--out", run))
        .isEqualTo(2);
    assertThat(lastLine()).contains("give --hook");
    assertThat(sluice("train", "--store", "s", "--hook", "h", "--buffer", "1G", "--out", run))
        .isEqualTo(2);
    assertThat(lastLine()).contains("--buffer is about a model that runs");
    String store = folder.resolve("store").toString();
    SyntheticStore.write(Path.of(store), 1500, DType.F32, 1);
    String hook = SyntheticStore.HOOK;
    assertThat(sluice("train", "--store", store, "--hook", hook, "--hook", hook, "--out", run))
        .isEqualTo(2);
    assertThat(lastLine()).contains("--hook is given 2 times", "--model instead of --store");
    List<String> arguments = new ArrayList<>(windowed(Path.of(run)));
    arguments.addAll(List.of("--d-init", "500"));
    assertThat(sluice(arguments.toArray(String[]::new))).isEqualTo(1);
    assertThat(lastLine()).contains("d_init is 500");
    assertThat(Path.of(run)).doesNotExist();
    arguments.set(arguments.indexOf("500"), "4");
    arguments.set(arguments.indexOf("300"), "20");
    assertThat(sluice(arguments.toArray(String[]::new))).as(err.toString()).isZero();
    // Both without reading the texts.
    err.getBuffer().setLength(0);
    assertThat(sluice(arguments.toArray(String[]::new))).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(lastLine()).contains("holds a run already");
    err.getBuffer().setLength(0);
    assertThat(sluice("train", "--resume", "--out", run)).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(lastLine()).contains("this run is complete; there is nothing to resume");
    assertThat(sluice("train", "--resume", "--out", run, "--buffer", "2G")).isEqualTo(2);
    assertThat(lastLine()).contains("leave out --buffer");
  }
}
