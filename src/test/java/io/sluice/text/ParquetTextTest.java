package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Mutations;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Parquet files that pyarrow wrote. */
@Tag("python")
class ParquetTextTest {
  @TempDir static Path folder;

  @BeforeAll
  static void write() throws IOException {
    Python.run("parquet_texts.py", folder);
  }

  @Test
  void readsEveryCodecEncodingAndRowGroup() throws IOException {
    for (String name :
        List.of(
            "snappy", "zstd", "gzip", "none", "lz4", "brotli", "plain", "v2", "delta", "large",
            "sums")) {
      Path file = folder.resolve(name + ".parquet");
      try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
        List<String> texts = Texts.read(reader);
        assertThat(texts).as(name).hasSize(4999);
        assertThat(texts.get(7)).isEmpty();
        assertThat(texts.get(8)).isEqualTo("long ".repeat(40_000));
        for (int i = 10; i < 5000; i++) {
          assertThat(texts.get(i - 1))
              .isEqualTo("document " + i + ": größe 北京 🐋 " + "whale ".repeat(i % 50));
        }
        assertThat(reader.problems().summary())
            .isEqualTo("1 document that cannot be read: " + file + " row 7 has no value");
      }
      TextSpec other = new TextSpec(List.of(file), "repeated", true);
      try (TextReader reader = TextReader.open(other)) {
        List<String> texts = Texts.read(reader);
        assertThat(texts).hasSize(5000);
        assertThat(texts.get(4321)).isEqualTo("line 1");
      }
    }
  }

  @Test
  void replacesOrRefusesWhatIsNotUtf8() throws IOException {
    Path file = folder.resolve("binary.parquet");
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
      assertThat(Texts.read(reader)).containsExactly("caf\uFFFD latin", "fine");
      assertThat(reader.problems().characters()).isEqualTo(1);
    }
    assertFails(
        new TextSpec(List.of(file), "text", true), file, "row 0: is not UTF-8 at its byte 3");
  }

  @Test
  void namesColumnsThatAreMissingOrNoText() {
    Path file = folder.resolve("snappy.parquet");
    assertFails(
        spec(file, "body"), file, "has no column 'body', there are 'id', 'text', 'repeated'");
    assertFails(spec(file, "id"), file, "column 'id' is not text, but INT64");
    Path twice = folder.resolve("twice.parquet");
    assertFails(spec(twice, "text"), twice, "has two columns by the name of its column 'text'");
    TextSpec ids = new TextSpec(List.of(twice), "ids", false, TextForm.TOKEN_IDS);
    assertFails(ids, twice, "has two columns by the name of its column 'ids'");
    assertFails(spec(file, "list.list.element"), file, "not text, but a list of");
    assertFails(
        new TextSpec(List.of(file), "text", true), file, "row 7: has no value; give every row");
  }

  @Test
  void readsColumnsWhoseNamesHaveDotsAndFieldsOfStructures() throws IOException {
    Path file = folder.resolve("names.parquet");
    assertThat(read(file, "doc.text")).containsExactly("dotted 0", "dotted 1", "dotted 2");
    assertThat(read(file, "doc.body")).containsExactly("nested 0", "nested 2");
    assertThat(read(file, "doc.deep.er")).containsExactly("deep 0");
    assertFails(spec(file, "text"), file, "has no column 'text', there are 'doc.text', 'doc.body'");
  }

  @Test
  void readsParquetUnderAnyName() throws IOException {
    Path file = Files.copy(folder.resolve("names.parquet"), folder.resolve("names.jsonl"));
    assertThat(read(file, "doc.text")).hasSize(3);
    Path other = Files.writeString(folder.resolve("other.parquet"), "no Parquet at all");
    assertFails(spec(other, "text"), other, "it does not end with PAR1");
    Path arrow = folder.resolve("arrow.parquet");
    Files.write(arrow, new byte[] {'A', 'R', 'R', 'O', 'W', '1', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    assertFails(spec(arrow, "text"), arrow, "is not an Arrow file that can be read");
  }

  private static List<String> read(Path file, String field) throws IOException {
    try (TextReader reader = TextReader.open(spec(file, field))) {
      return Texts.read(reader);
    }
  }

  @Tag("slow")
  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damagedFilesGetOneLineOrAreRead() throws IOException {
    damage(Files.readAllBytes(folder.resolve("binary.parquet")));
    damage(Files.readAllBytes(folder.resolve("small-brotli.parquet")));
  }

  private static void damage(byte[] good) throws IOException {
    Path file = folder.resolve("damaged.parquet");
    for (int length = 0; length < good.length; length += 13) {
      Files.write(file, Arrays.copyOf(good, length));
      assertFails(spec(file, "text"), file, "is not a Parquet file that can be read");
    }
    Random random = new Random(Seeds.seed());
    for (int i = 0; i < Integer.getInteger("sluice.mutations", 400); i++) {
      Files.write(file, Mutations.mutate(good, random));
      try (TextReader reader = TextReader.open(spec(file, "text"))) {
        Texts.read(reader);
      } catch (IOException e) {
        assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
      }
    }
  }

  private static TextSpec spec(Path file, String field) {
    return new TextSpec(List.of(file), field, false);
  }

  private static void assertFails(TextSpec spec, Path file, String message) {
    assertThatThrownBy(
            () -> {
              try (TextReader reader = TextReader.open(spec)) {
                Texts.read(reader);
              }
            })
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(file.toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
