package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Mutations;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Lists of token ids as Python's pyarrow, json, datasets, polars and duckdb write them. */
@Tag("python")
@Tag("slow")
class TokenIdTextTest {
  private static final Path HADOOP = Path.of("src/test/resources/golden/texts/hadoop-lz4.parquet");

  @TempDir static Path folder;
  private static final List<int[]> ROWS = new ArrayList<>();

  /** Without rows 5, which is missing, and 8, in which an id is. */
  private static List<int[]> readable;

  @BeforeAll
  static void write() throws IOException {
    Python.run(Python.requireDatasets(), "token_id_files.py", folder);
    for (long i = 0; i < 2000; i++) {
      long row = i;
      ROWS.add(
          i == 7
              ? IntStream.range(0, 70_000).map(j -> j % 50_000).toArray()
              : IntStream.range(0, (int) (i % 9))
                  .map(j -> (int) ((row * 7919 + j * 104729L) % 50_000))
                  .toArray());
    }
    readable = new ArrayList<>(ROWS);
    readable.remove(8);
    readable.remove(5);
  }

  @Test
  void readsEveryCodecEncodingAndTypeOfParquet() throws IOException {
    List<String> names =
        new ArrayList<>(
            List.of(
                "snappy",
                "zstd",
                "gzip",
                "none",
                "lz4",
                "brotli",
                "plain",
                "v2",
                "large",
                "int64-PLAIN",
                "int64-DELTA_BINARY_PACKED",
                "int64-BYTE_STREAM_SPLIT",
                "uint16-PLAIN",
                "uint16-DELTA_BINARY_PACKED",
                "DELTA_BINARY_PACKED-1.0",
                "DELTA_BINARY_PACKED-2.0",
                "BYTE_STREAM_SPLIT-1.0",
                "BYTE_STREAM_SPLIT-2.0"));
    for (String optional : List.of("polars", "duckdb-v1", "duckdb-v2")) {
      if (Files.exists(folder.resolve(optional + ".parquet"))) {
        names.add(optional);
      }
    }
    for (String name : names) {
      assertReads(name + ".parquet", readable);
    }
    assertReads("required.parquet", ROWS);
  }

  @Test
  void readsArrowJsonAndDataSets() throws IOException {
    for (String name :
        List.of(
            "stream.arrow",
            "file.arrow",
            "int64.arrow",
            "uint16.arrow",
            "lines.jsonl",
            "lines.jsonl.gz",
            "array.json",
            "lists.json",
            "saved")) {
      assertReads(name, readable);
    }
    assertReads("sliced.arrow", readable.subList(3, 1001));
  }

  @Test
  void readsFieldsOfStructuresAndListsOfOneSize() throws IOException {
    List<int[]> present = new ArrayList<>(ROWS);
    present.remove(5);
    for (String name : List.of("nested.parquet", "nested.arrow")) {
      assertSame(name, read(spec(name, "row.input_ids", false)), present);
    }
    List<int[]> four =
        IntStream.range(0, 500).mapToObj(i -> new int[] {i, i + 1, i + 2, 49999}).toList();
    assertReads("fixed.parquet", four);
    assertReads("fixed.arrow", four);
  }

  @Test
  void readsTheOlderLz4OfHadoop() throws IOException {
    List<int[]> ids = read(new TextSpec(List.of(HADOOP), "input_ids", true, TextForm.TOKEN_IDS));
    List<int[]> expected =
        IntStream.range(0, 300)
            .mapToObj(i -> IntStream.rangeClosed(0, i % 7).map(x -> x * i).toArray())
            .toList();
    assertSame("hadoop", ids, expected);
    try (TextReader reader = TextReader.open(new TextSpec(List.of(HADOOP), "text", true))) {
      List<String> texts = Texts.read(reader);
      for (int i = 0; i < 300; i++) {
        assertThat(texts.get(i))
            .isEqualTo("document " + i + ": größe 北京 🐋 " + "whale ".repeat(i % 50));
      }
    }
  }

  @Test
  void countsOrRefusesRowsWithoutAWholeList() throws IOException {
    for (String name : List.of("snappy.parquet", "stream.arrow")) {
      Path file = folder.resolve(name);
      try (TextReader reader = TextReader.open(spec(name, "input_ids", false))) {
        read(reader);
        assertThat(reader.problems().summary())
            .isEqualTo(
                "2 documents that cannot be read: "
                    + file
                    + " row 5 has no value; "
                    + file
                    + " row 8 has a list in which an id is missing");
      }
      assertFails(spec(name, "input_ids", true), "row 5: has no value; give every row a list of");
    }
    assertFails(
        spec("lines.jsonl", "input_ids", true),
        "lines.jsonl:6: has no token ids in its field 'input_ids', but null");
    Path text = Files.writeString(folder.resolve("text.jsonl"), "{\"input_ids\": [1, 2.5]}\n");
    assertFails(
        new TextSpec(List.of(text), "input_ids", true, TextForm.TOKEN_IDS),
        "text.jsonl:1: has a list of token ids with a fraction in it; give token ids alone");
    Path plain = Files.writeString(folder.resolve("plain.txt"), "1 2 3");
    assertFails(
        new TextSpec(List.of(plain), "input_ids", true, TextForm.TOKEN_IDS),
        "plain.txt: is plain text, which has no field 'input_ids'; give JSON");
  }

  @Test
  void refusesWhatNoVocabularyHasByFileAndRow() {
    for (String name : List.of("wrong.parquet", "wrong.arrow")) {
      assertFails(spec(name, "input_ids", false), name + " row 0: has token id -100, which no");
      assertFails(spec(name, "huge", false), name + " row 0: has token id 1099511627776, which no");
    }
    assertThatThrownBy(
            () -> {
              Path file = Files.writeString(folder.resolve("big.jsonl"), "{\"input_ids\": [-1]}\n");
              read(new TextSpec(List.of(file), "input_ids", false, TextForm.TOKEN_IDS));
            })
        .hasMessageContaining("big.jsonl:1: has token id -1, which no vocabulary has");
  }

  @Test
  void namesColumnsThatHaveNoLists() {
    for (String name : List.of("wrong.parquet", "wrong.arrow")) {
      for (String column : List.of("floats", "lists", "structs")) {
        assertFails(
            spec(name, column, false),
            "its column '" + column + "' has no lists of token ids, but");
      }
      assertFails(spec(name, "body", false), "has no column 'body', there are 'floats', 'lists'");
    }
    assertFails(spec("snappy.parquet", "id", false), "has no lists of token ids, but INT64");
    assertFails(spec("stream.arrow", "id", false), "has no lists of token ids, but an integer");
    assertThatThrownBy(
            () -> read(new TextSpec(List.of(folder.resolve("snappy.parquet")), "input_ids", false)))
        .hasMessageContaining(
            "is not text, but a list of INT32; name another one with --text-field,")
        .hasMessageContaining("or give --text-as token-ids");
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damagedFilesGetOneLineOrAreRead() throws IOException {
    Random random = new Random(Seeds.seed());
    for (String name : List.of("wrong.parquet", "wrong.arrow", "fixed.parquet", "fixed.arrow")) {
      byte[] good = Files.readAllBytes(folder.resolve(name));
      Path file = folder.resolve("damaged-" + name);
      for (int i = 0; i < Integer.getInteger("sluice.mutations", 400); i++) {
        boolean cut = random.nextInt(4) == 0;
        Files.write(
            file,
            cut
                ? Arrays.copyOf(good, random.nextInt(good.length))
                : Mutations.mutate(good, random));
        try {
          read(new TextSpec(List.of(file), "input_ids", random.nextBoolean(), TextForm.TOKEN_IDS));
        } catch (IOException e) {
          assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
        }
      }
    }
  }

  private static TextSpec spec(String name, String field, boolean strict) {
    return new TextSpec(List.of(folder.resolve(name)), field, strict, TextForm.TOKEN_IDS);
  }

  private static void assertReads(String name, List<int[]> expected) throws IOException {
    assertSame(name, read(spec(name, "input_ids", false)), expected);
  }

  private static void assertSame(String name, List<int[]> actual, List<int[]> expected) {
    assertThat(actual).as(name).hasSameSizeAs(expected);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i)).as("%s, document %s", name, i).isEqualTo(expected.get(i));
    }
  }

  private static List<int[]> read(TextSpec spec) throws IOException {
    try (TextReader reader = TextReader.open(spec)) {
      return read(reader);
    }
  }

  private static List<int[]> read(TextReader reader) throws IOException {
    List<int[]> documents = new ArrayList<>();
    while (reader.nextDocument()) {
      documents.add(reader.nextIds());
      assertThat(reader.nextIds()).isNull();
      assertThatThrownBy(reader::nextPiece).isInstanceOf(IllegalStateException.class);
    }
    return documents;
  }

  private static void assertFails(TextSpec spec, String message) {
    assertThatThrownBy(() -> read(spec))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(spec.paths().getFirst().toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
