package io.sluice.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import io.sluice.torch.Torch;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Texts that are token ids, and texts from standard input. */
@Tag("slow")
class TokenIdCommandTest {
  private static final String BERT = "src/test/resources/golden/model/tiny-bert";
  private static final String LLAMA = "src/test/resources/golden/model/causal/tiny-llama";
  private static final String TEXT =
      "call me ishmael . the white whale of the sea , and i was on the ship that he sail . ";

  @TempDir private Path folder;
  private Path text;
  private String err;

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    text = Files.writeString(folder.resolve("text.txt"), TEXT.repeat(30));
  }

  @Test
  void idsOfATextGiveItsActivations() throws IOException {
    for (String model : List.of(BERT, LLAMA)) {
      String name = Path.of(model).getFileName().toString();
      Path texts = folder.resolve(name + "-text");
      ok(capture(model, texts, text, "--special-tokens"));
      Path ids = Files.writeString(folder.resolve(name + ".jsonl"), lines(texts));
      Path store = folder.resolve(name + "-ids");
      ok(capture(model, store, ids, "--text-as", "token-ids"));
      assertThat(floats(store)).isEqualTo(floats(texts)).isNotEmpty();
      assertThat(numbers(store, Column.TOKEN_ID)).isEqualTo(numbers(texts, Column.TOKEN_ID));
      assertThat(numbers(store, Column.POSITION)).isEqualTo(numbers(texts, Column.POSITION));
      ActivationStore read = ActivationStore.open(store);
      assertThat(read.manifest().prependBos()).isEmpty();
      assertThat(read.manifest().properties()).containsEntry("textAs", "token-ids");
    }
  }

  @Test
  void longListsAreCutAndListsAreNotJoined() throws IOException {
    Path ids = folder.resolve("ids.jsonl");
    Files.writeString(ids, "{\"body\": [%s]}\n{\"body\": [5, 6]}\n".formatted(range(1, 39)));
    Path store = folder.resolve("store");
    ok(capture(LLAMA, store, ids, "--text-as", "token-ids", "--text-field", "body"));
    assertThat(numbers(store, Column.TOKEN_ID)).isEqualTo(parse(range(1, 39) + ", 5, 6"));
    assertThat(numbers(store, Column.POSITION))
        .isEqualTo(parse(range(0, 15) + ", " + range(0, 15) + ", " + range(0, 6) + ", 0, 1"));
  }

  @Test
  void needsNoTokenizer() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(Path.of(LLAMA))) {
      for (Path file : files.filter(each -> !each.endsWith("tokenizer.json")).toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    Path ids = Files.writeString(folder.resolve("ids.jsonl"), "{\"input_ids\": [1, 2, 3, 4]}\n");
    Path store = folder.resolve("store");
    ok(capture(model.toString(), store, ids, "--text-as", "token-ids"));
    assertThat(store.resolve(".tokens.ipc")).doesNotExist();
    ok("spectrum", "--store", store.toString());
    ok("spectrum", "--model", model.toString(), "--text", ids.toString(), "--text-as", "token-ids");
    assertThat(run(capture(model.toString(), folder.resolve("none"), text))).isEqualTo(1);
    assertThat(err).contains("has no tokenizer beside it");
  }

  @Test
  void namesIdsOutsideOfTheVocabularyByFileAndRow() throws IOException {
    Path ids = folder.resolve("ids.jsonl");
    Files.writeString(ids, "{\"input_ids\": [1, 2]}\n{\"input_ids\": [3, 4000000]}\n");
    Path store = folder.resolve("none");
    assertThat(run(capture(LLAMA, store, ids, "--text-as", "token-ids"))).isEqualTo(1);
    assertThat(err)
        .contains("ids.jsonl:2: has token id 4000000, but the model's vocabulary has ")
        .contains("; give ids that the model's own tokenizer made");
    assertThat(store).doesNotExist();
  }

  @Test
  void refusesOptionsThatAddTokens() {
    Path store = folder.resolve("none");
    for (String option : List.of("--bos", "--no-bos", "--special-tokens")) {
      assertThat(run(capture(LLAMA, store, text, "--text-as", "token-ids", option))).isEqualTo(2);
      assertThat(err).contains("--text-as token-ids");
    }
    assertThat(run(capture(LLAMA, store, text, "--text-as", "ids"))).isEqualTo(2);
    assertThat(err).contains("--text-as 'ids' is none of text, token-ids, chat");
  }

  @Test
  void readsStandardInputAsItReadsFiles() throws IOException {
    Path ids = Files.writeString(folder.resolve("ids.jsonl"), "{\"input_ids\": [1, 2, 3, 4]}\n");
    Path json = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"the sea\"}\n");
    compare(text, List.of());
    compare(json, List.of("--stdin-format", "json"));
    compare(ids, List.of("--text-as", "token-ids"));
  }

  private void compare(Path file, List<String> options) throws IOException {
    Path fromFile = folder.resolve(file.getFileName() + "-file");
    List<String> own = options.contains("--stdin-format") ? List.of() : options;
    ok(capture(LLAMA, fromFile, file, own.toArray(String[]::new)));
    Path fromInput = folder.resolve(file.getFileName() + "-input");
    withInput(
        Files.readAllBytes(file),
        () -> ok(capture(LLAMA, fromInput, Path.of("-"), options.toArray(String[]::new))));
    assertThat(floats(fromInput)).isEqualTo(floats(fromFile)).isNotEmpty();
    String name = file.equals(text) ? "standard-input.txt" : "standard-input.jsonl";
    assertThat(ActivationStore.open(fromInput).manifest().text()).isEqualTo(name);
  }

  @Test
  void unpacksStandardInput() throws IOException {
    Path json = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"the sea\"}\n");
    ok(capture(LLAMA, folder.resolve("whole"), json));
    Path packed = folder.resolve("packed");
    withInput(
        gzipped(Files.readAllBytes(json)),
        () -> ok(capture(LLAMA, packed, Path.of("-"), "--stdin-format", "json")));
    assertThat(floats(packed)).isEqualTo(floats(folder.resolve("whole"))).isNotEmpty();
  }

  @Test
  void namesStandardInputAndNotItsCopyInErrors() throws IOException {
    Path store = folder.resolve("none");
    byte[] packed = gzipped("{\"text\": \"the sea is deep\"}\n".repeat(9).getBytes(UTF_8));
    withInput(
        Arrays.copyOf(packed, packed.length - 9),
        () -> assertThat(run(capture(LLAMA, store, Path.of("-")))).isEqualTo(1));
    assertThat(err).startsWith("sluice capture: standard input: its gzip stream is damaged");
    byte[] number = "{\"text\": 5}\n{\"text\": \"the sea\"}\n".getBytes(UTF_8);
    String[] json = {"--stdin-format", "json", "--strict"};
    withInput(
        number, () -> assertThat(run(capture(LLAMA, store, Path.of("-"), json))).isEqualTo(1));
    assertThat(err).startsWith("sluice capture: standard input:1: has no text in its field 'text'");
    withInput(number, () -> ok(capture(LLAMA, store, Path.of("-"), "--stdin-format", "json")));
    assertThat(err).contains("cannot be read: standard input:1 has no text in its field 'text'");
  }

  private static byte[] gzipped(byte[] bytes) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(bytes);
    }
    return packed.toByteArray();
  }

  @Test
  void refusesStandardInputThatIsEmptyOrTwice() throws IOException {
    Path store = folder.resolve("none");
    withInput(new byte[0], () -> assertThat(run(capture(LLAMA, store, Path.of("-")))).isEqualTo(1));
    assertThat(err).contains("--text -: standard input is empty; pipe a text into the command");
    assertThat(run(capture(LLAMA, store, Path.of("-"), "--text", "-"))).isEqualTo(2);
    assertThat(err).contains("--text names standard input (-) twice; it can be read once");
    assertThat(run(capture(LLAMA, store, text, "--stdin-format", "json"))).isEqualTo(2);
    assertThat(err).contains("--stdin-format says how --text - is read");
    assertThat(run(capture(LLAMA, store, Path.of("-"), "--stdin-format", "csv"))).isEqualTo(2);
    assertThat(err).contains("--stdin-format is 'csv'; give one of text, json");
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void withInput(byte[] bytes, Work work) throws IOException {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(bytes));
    try {
      work.run();
    } finally {
      System.setIn(before);
    }
  }

  private static String[] capture(String model, Path store, Path text, String... more) {
    return Stream.concat(
            Stream.of(
                "capture",
                "--model",
                model,
                "--text",
                text.toString(),
                "--context",
                "16",
                "--out",
                store.toString()),
            Arrays.stream(more))
        .toArray(String[]::new);
  }

  /** A list of ids for each context of a store. */
  private static String lines(Path store) throws IOException {
    int[] ids = numbers(store, Column.TOKEN_ID);
    int[] positions = numbers(store, Column.POSITION);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < ids.length; i++) {
      boolean isFirst = positions[i] == 0;
      lines.append(isFirst ? (i == 0 ? "" : "]}\n") + "{\"input_ids\": [" : ", ").append(ids[i]);
    }
    return lines.append("]}\n").toString();
  }

  private static String range(int from, int to) {
    List<String> numbers = new ArrayList<>();
    for (int i = from; i <= to; i++) {
      numbers.add(Integer.toString(i));
    }
    return String.join(", ", numbers);
  }

  private static int[] parse(String numbers) {
    return Arrays.stream(numbers.split(", ")).mapToInt(Integer::parseInt).toArray();
  }

  private static int[] numbers(Path store, String column) throws IOException {
    List<Integer> all = new ArrayList<>();
    for (Shard shard : ActivationStore.open(store).shards()) {
      for (int each : shard.data(column, 0, shard.rows()).toArray(ValueLayout.JAVA_INT_UNALIGNED)) {
        all.add(each);
      }
    }
    return all.stream().mapToInt(Integer::intValue).toArray();
  }

  private static List<Float> floats(Path store) throws IOException {
    List<Float> all = new ArrayList<>();
    ActivationStore read = ActivationStore.open(store);
    for (Column column : read.manifest().columns()) {
      for (Shard shard : read.shards()) {
        for (float each :
            shard.data(column.name(), 0, shard.rows()).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)) {
          all.add(each);
        }
      }
    }
    return all;
  }

  private void ok(String... words) {
    assertThat(run(words)).as(err).isZero();
  }

  private int run(String... words) {
    StringWriter stdout = new StringWriter();
    StringWriter stderr = new StringWriter();
    int status = Main.run(new PrintWriter(stdout), new PrintWriter(stderr), words);
    err = stderr.toString();
    return status;
  }
}
