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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Texts as Python's gzip, zstandard, json, pyarrow and datasets pack them. */
@Tag("python")
@Tag("slow")
class DatasetTextTest {
  @TempDir static Path folder;
  private static final List<String> TEXTS = new ArrayList<>();

  @BeforeAll
  static void write() throws IOException {
    Python.run(Python.requireDatasets(), "dataset_texts.py", folder);
    for (int i = 0; i < 2500; i++) {
      TEXTS.add(
          i == 9
              ? "long ".repeat(40_000)
              : "document " + i + ": größe 北京 🐋 " + "whale ".repeat(i % 50));
    }
  }

  @Test
  void readsPackedLinesAndArrays() throws IOException {
    for (String name : List.of("lines.jsonl", "objects.json", "strings.json")) {
      for (String packing : List.of("", ".gz", ".zst")) {
        assertThat(read(name + packing, "text")).as(name + packing).isEqualTo(TEXTS);
      }
    }
    assertThat(read("window.jsonl.zst", "text")).isEqualTo(TEXTS);
    String all = Files.readString(folder.resolve("all.txt"));
    for (String packing : List.of("", ".gz", ".zst")) {
      assertThat(read("all.txt" + packing, "text")).containsExactly(all);
    }
  }

  @Test
  void readsDataSetsWithoutTheirDescriptionsAndComputedRows() throws IOException {
    assertThat(read("saved", "text")).isEqualTo(TEXTS);
    assertThat(read("cached", "text")).isEqualTo(TEXTS);
    List<String> parts = new ArrayList<>(TEXTS.subList(1000, 1003));
    parts.addAll(TEXTS.subList(0, 1000));
    assertThat(read("parts", "text")).isEqualTo(parts);
    assertThat(read("parts/train", "text")).isEqualTo(TEXTS.subList(0, 1000));
    assertThat(read("saved/data-00001-of-00003.arrow", "text")).contains(TEXTS.get(1200));
    assertFails("saved", "body", "has no column 'body', there are 'id', 'text'; name one with");
    assertFails("saved", "id", "its column 'id' is not text, but an integer");
  }

  @Test
  void refusesDataSetsThatLackAPart() throws IOException {
    Path copy = Files.createDirectory(folder.resolve("part"));
    for (String name : List.of("dataset_info.json", "state.json", "data-00000-of-00003.arrow")) {
      Files.copy(folder.resolve("saved").resolve(name), copy.resolve(name));
    }
    assertFails(
        "part", "text", "state.json: names 'data-00001-of-00003.arrow', which is not there");
    Files.writeString(copy.resolve("state.json"), "{\"_data_files\": []}");
    assertFails("part", "text", "state.json: names no files");
    Files.writeString(copy.resolve("state.json"), "{\"_data_files\": [");
    assertFails("part", "text", "state.json: is not the description of a data set (it ends too");
    Files.writeString(
        copy.resolve("state.json"),
        "{\"_data_files\": [{\"filename\": \"a\"}], \"_indices_data_files\": [{\"filename\": \"i\"}]}");
    assertFails("part", "text", "state.json: is of a selection of rows");
  }

  @Test
  void readsEveryKindOfTextInStreamsAndFiles() throws IOException {
    for (String name : List.of("stream.arrow", "file.arrow", "old.arrow")) {
      assertThat(read(name, "doc.text")).containsExactly("dotted 0", "dotted 1", "dotted 2");
      assertThat(read(name, "doc.body")).containsExactly("nested 0");
      assertThat(read(name, "doc.deep.er")).containsExactly("deep 0");
      assertThat(read(name, "large")).containsExactly("large 0", "large 2");
      assertThat(read(name, "binary")).containsExactly("caf\uFFFD latin", "fine", "");
      assertFails(name, "list", "its column 'list' is not text, but a list");
      assertFails(name, "fixed", "its column 'fixed' is not text, but a list");
      assertFails(name, "kind", "is not text, but places in a dictionary; write it again as plain");
    }
    assertThat(read("empty.arrow", "large")).isEmpty();
    assertFails("stream.arrow", "view", "its column 'view' is not text, but a view of texts");
    assertFails("stream.arrow", "last", "has a column of views before its column 'last'");
    assertFails("twice.arrow", "text", "has two columns by the name of its column 'text'; rename");
    assertFails("zstd.arrow", "large", "has compressed batches; write it again without");
    assertFails("legacy.arrow", "large", "a message does not begin as Arrow's do since");
    Path strict = folder.resolve("file.arrow");
    assertThatThrownBy(() -> read(new TextSpec(List.of(strict), "large", true)))
        .hasMessage(strict + " row 1: has no value; give every row a text");
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damagedFilesGetOneLineOrAreRead() throws IOException {
    Random random = new Random(Seeds.seed());
    Path file = folder.resolve("damaged.arrow");
    for (String name : List.of("stream.arrow", "file.arrow")) {
      byte[] good = Files.readAllBytes(folder.resolve(name));
      for (int length = 0; length < good.length; length += 13) {
        Files.write(file, Arrays.copyOf(good, length));
        assertFails("damaged.arrow", "large", "is not an Arrow file that can be read");
      }
      for (int i = 0; i < Integer.getInteger("sluice.mutations", 1000); i++) {
        Files.write(file, Mutations.mutate(good, random));
        try {
          read("damaged.arrow", random.nextBoolean() ? "large" : "doc.body");
        } catch (IOException e) {
          assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
        }
      }
    }
  }

  private static List<String> read(String name, String field) throws IOException {
    return read(new TextSpec(List.of(folder.resolve(name)), field, false));
  }

  private static List<String> read(TextSpec spec) throws IOException {
    try (TextReader reader = TextReader.open(spec)) {
      return Texts.read(reader);
    }
  }

  private static void assertFails(String name, String field, String message) {
    assertThatThrownBy(() -> read(name, field))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(folder.resolve(name).toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
