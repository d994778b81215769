package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.store.ActivationStore;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CaptureCommandTest {
  private static final String MODEL = "src/test/resources/golden/model/tiny-bert";

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path text;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text =
        Files.writeString(folder.resolve("text.txt"), "the white whale sails the sea. ".repeat(20));
  }

  @Tag("slow")
  @Test
  void writesAStoreAndSaysSo() throws IOException {
    Path store = folder.resolve("store");
    assertThat(capture(store, "--hooks", "layers.*.attn_out,layers.1.z", "--tokens", "100"))
        .as(err.toString())
        .isZero();
    assertThat(out.toString()).contains("100 rows at 3 hook points of tiny-bert");
    assertThat(err.toString())
        .contains("capture: 100 tokens", "tokens/s")
        .containsPattern(
            "store: will take about \\d+\\.\\d KiB of the disk, \\d+\\.\\d \\wiB are free");
    assertThat(ActivationStore.open(store).rows()).isEqualTo(100);
  }

  @Test
  void readsJsonLinesOfAFolderAndTellsWhatIsWrong() throws IOException {
    Path data = Files.createDirectory(folder.resolve("data"));
    Files.writeString(
        data.resolve("a.jsonl"),
        "{\"body\":\"the white whale\"}\n{\"body\":\n{\"body\":\"sea\"}\n");
    Files.writeString(data.resolve("b.txt"), "the white whale");
    text = data;
    Path store = folder.resolve("store");
    assertThat(capture(store, "--text-field", "body")).as(err.toString()).isZero();
    assertThat(out.toString()).contains("7 rows");
    assertThat(err.toString())
        .contains("texts: 1 document that cannot be read: " + data.resolve("a.jsonl") + ":2");
    Path none = folder.resolve("none");
    assertThat(capture(none, "--text-field", "body", "--strict")).isEqualTo(1);
    assertThat(err.toString()).contains("a.jsonl:2: is not JSON");
    assertThat(none).doesNotExist();
    assertThat(capture(none, "--text-field", "")).isEqualTo(2);
  }

  @Tag("slow")
  @Test
  void saysWhyNoLineCouldBeUsed() throws IOException {
    text =
        Files.writeString(
            folder.resolve("chat.jsonl"),
            "{\"messages\":[{\"content\":\"x\"}],\"score\":NaN}\n".repeat(5));
    assertThat(capture(folder.resolve("none"))).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString())
        .contains("chat.jsonl: no text in it can be used: 5 documents that cannot be read: ")
        .contains("chat.jsonl:1 has no field 'text', but 'messages', 'score'; ")
        .contains("; and 2 more");
    text = Files.writeString(folder.resolve("array.json"), "[{\"body\":\"x\"}]");
    assertThat(capture(folder.resolve("none"))).isEqualTo(1);
    assertThat(err.toString()).contains("array.json item 0 has no field 'text', but 'body'");
    text = Files.writeString(folder.resolve("nan.jsonl"), "{\"text\":\"sea\",\"score\":NaN}");
    assertThat(capture(folder.resolve("nan"))).as(err.toString()).isZero();
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void waitsForNoPipe() throws IOException, InterruptedException {
    Path store = folder.resolve("store");
    int refused = 0;
    for (String option : List.of("--text,p.txt", "--model,p.gguf", "--tokenizer,p.json")) {
      String[] parts = option.split(",");
      Path pipe = folder.resolve(parts[1]);
      assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "mkfifo");
      assertThat(capture(store, parts[0], pipe.toString())).isEqualTo(1);
      assertThat(err.toString().lines()).hasSize(++refused);
      assertThat(err.toString()).contains(pipe + ": is a pipe, not a regular file");
      assertThat(store).doesNotExist();
    }
  }

  @Tag("slow")
  @Test
  void replacesAStoreOnlyWhenAskedTo() throws IOException {
    Path store = folder.resolve("store");
    assertThat(capture(store, "--tokens", "10")).isZero();
    assertThat(capture(store, "--tokens", "20")).isEqualTo(1);
    assertThat(ActivationStore.open(store).rows()).isEqualTo(10);
    assertThat(capture(store, "--tokens", "20", "--overwrite", "--json")).isZero();
    assertThat(ActivationStore.open(store).rows()).isEqualTo(20);
    assertThat(out.toString()).contains("\"tokensPerSecond\"");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left.filter(path -> path.getFileName().toString().startsWith("store")))
          .containsExactly(store);
    }
    Files.writeString(store.resolve("notes.txt"), "mine");
    assertThat(capture(store, "--tokens", "30", "--overwrite")).isEqualTo(1);
    assertThat(store.resolve("notes.txt")).exists();
    assertThat(ActivationStore.open(store).rows()).isEqualTo(20);
  }

  @Tag("slow")
  @Test
  void continuesAStoreOfFewerTokens() throws IOException {
    Path store = folder.resolve("store");
    assertThat(capture(store, "--resume")).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains("holds no activation store to continue");
    assertThat(capture(store, "--tokens", "60")).isZero();
    assertThat(capture(store, "--tokens", "90")).isEqualTo(1);
    assertThat(err.toString()).contains("give --resume to continue or --overwrite to replace it");
    assertThat(capture(store, "--tokens", "90", "--resume", "--overwrite")).isEqualTo(2);
    assertThat(capture(store, "--tokens", "90", "--resume", "--json")).as(err.toString()).isZero();
    assertThat(err.toString()).contains("0 of 90 rows are there and stay");
    assertThat(out.toString()).contains("\"rows\" : 90").contains("\"keptRows\" : 0");
    Path one = folder.resolve("one");
    assertThat(capture(one, "--tokens", "90")).isZero();
    for (String file : List.of("shard-00000.arrow", ".tokens.ipc", ".documents.ipc")) {
      assertThat(store.resolve(file)).hasSameBinaryContentAs(one.resolve(file));
    }
    assertThat(capture(store, "--tokens", "90", "--resume")).isZero();
    assertThat(err.toString()).contains("90 of 90 rows are there and stay");
    assertThat(capture(store, "--tokens", "80", "--resume")).isEqualTo(1);
    assertThat(err.toString())
        .contains("was begun for 90 rows, and these texts and options give 80");
  }

  @Tag("slow")
  @Test
  void deletesWhatAKilledCaptureLeftBesideTheStore() throws Exception {
    Process ended = new ProcessBuilder("true").start();
    assertThat(ended.waitFor()).isZero();
    Path store = folder.resolve("store");
    Path left = folder.resolve("store." + ended.pid() + ".new");
    Path own = folder.resolve("store." + ProcessHandle.current().pid() + "0.new");
    assertThat(capture(left, "--tokens", "10")).isZero();
    Files.createDirectory(own);
    Files.writeString(own.resolve("notes.txt"), "mine");
    assertThat(capture(store, "--tokens", "10")).isZero();
    assertThat(left).exists();
    assertThat(capture(store, "--tokens", "10", "--overwrite")).isZero();
    assertThat(left).doesNotExist();
    assertThat(own).exists();
  }

  @ParameterizedTest
  @CsvSource({
    "--hooks, layers.*.attends, 1, 'layers.N.attn_out'",
    "--hooks, layers.7.z, 1, '0 to 1'",
    "--context, 17, 1, 'at most 16'",
    "--context, 0, 2, '--context'",
    "--batch, -1, 2, '--batch'",
    "--tokens, many, 2, '--tokens'",
    "--dtype, int8, 2, 'float16'",
    "--device, tpu, 2, 'cuda'",
    "--model, none, 1, 'none: no such file'",
    "--tokenizer, src, 1, 'src: is a folder; name the tokenizer.json in it'",
    "--context, 2, 1, 'give at least 3'",
    "--tokenizer, none.json, 1, 'none.json: no such file'",
    "--text, none.txt, 1, 'none.txt: no such file'",
    "--text, '', 2, 'it is empty; give a path'",
    "--text, /dev/null, 1, '/dev/null: is a device, not a regular file; give a file'",
    "--tokenizer, /dev/zero, 1, '/dev/zero: is a device, not a regular file; give a file'",
  })
  void badOptionsEndInOneLine(String option, String value, int status, String message)
      throws IOException {
    Path store = folder.resolve("store");
    assertThat(capture(store, option, value)).isEqualTo(status);
    assertThat(err.toString().lines()).as(err.toString()).hasSize(1);
    assertThat(err.toString()).contains(message);
    assertThat(store).doesNotExist();
  }

  private int capture(Path store, String... more) {
    List<String> args = new ArrayList<>(List.of("capture", "--out", store.toString()));
    args.addAll(List.of(more));
    List<String> given = List.of(more);
    if (!given.contains("--model")) {
      args.addAll(List.of("--model", MODEL));
    }
    if (!given.contains("--text")) {
      args.addAll(List.of("--text", text.toString()));
    }
    return Main.run(new PrintWriter(out), new PrintWriter(err), args.toArray(String[]::new));
  }
}
