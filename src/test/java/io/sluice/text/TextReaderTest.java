package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextReaderTest {
  @TempDir Path folder;

  @Test
  void readsPlainTextInPiecesThatEndBetweenWords() throws IOException {
    String text = "\uFEFF" + "größe 🐋 white whale ".repeat(20_000);
    Path file = Files.writeString(folder.resolve("a.txt"), text);
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
      assertThat(reader.nextDocument()).isTrue();
      StringBuilder whole = new StringBuilder();
      for (String piece = reader.nextPiece(); piece != null; piece = reader.nextPiece()) {
        assertThat(piece.length()).isBetween(1, 1 << 16);
        assertThat(whole.isEmpty() || piece.startsWith(" ")).isTrue();
        whole.append(piece);
      }
      assertThat(whole.toString()).isEqualTo(text.substring(1));
      assertThat(reader.nextDocument()).isFalse();
      assertThat(reader.problems().isEmpty()).isTrue();
    }
  }

  @Test
  void readsJsonLines() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("a.jsonl"),
            "\uFEFF{\"text\":\"one\\u00e9\",\"n\":{\"text\":\"not this\"}}\n\n"
                + "  \r\n{\"n\":[1,{}],\"text\":\"two\\n\\ud83d\\udc0b\"}\r\n{\"text\":\"\"}\n"
                + "{\"text\":\"last\"}");
    assertThat(read(List.of(file))).containsExactly("oneé", "two\n🐋", "", "last");
    TextSpec other = new TextSpec(List.of(file), "n", false);
    try (TextReader reader = TextReader.open(other)) {
      assertThat(Texts.read(reader)).isEmpty();
      assertThat(reader.problems().summary())
          .startsWith(
              "4 documents that cannot be read: " + file + ":1 has no text in its field 'n'")
          .endsWith("; and 1 more");
    }
  }

  @Test
  void longLinesArePiecesOfOneDocument() throws IOException {
    String text = "a white whale ".repeat(50_000);
    Path file = Files.writeString(folder.resolve("a.ndjson"), "{\"text\":\"" + text + "\"}\n");
    assertThat(read(List.of(file, file))).containsExactly(text, text);
  }

  @Test
  void leavesOutCountsAndNamesBadLines() throws IOException {
    Path file = folder.resolve("bad.jsonl");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String line :
        List.of(
            "{\"text\":\"good\"}",
            "{\"text\":\"cut",
            "[1]",
            "{\"body\":\"x\"}",
            "{\"text\":7}",
            "{\"text\":\"x\"} {}",
            "{\"text\":\"half \\ud83d pair\"}",
            "{\"text\":\"a\",\"text\":\"b\"}")) {
      bytes.writeBytes((line + "\n").getBytes(StandardCharsets.UTF_8));
    }
    bytes.writeBytes("{\"text\":\"caf\u00e9 \"}\n".getBytes(StandardCharsets.ISO_8859_1));
    Files.write(file, bytes.toByteArray());
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
      assertThat(Texts.read(reader)).containsExactly("good", "half \uFFFD pair", "caf\uFFFD ");
      assertThat(reader.problems().documents()).isEqualTo(6);
      assertThat(reader.problems().characters()).isEqualTo(2);
      assertThat(reader.problems().summary())
          .contains("6 documents that cannot be read, 2 characters that are not UTF-8: ")
          .contains(file + ":2 is not JSON")
          .contains(file + ":3 is not a JSON object")
          .contains(file + ":4 has no field 'text'")
          .endsWith("; and 5 more")
          .doesNotContain("\n");
    }
    assertThatThrownBy(
            () -> {
              try (TextReader reader = TextReader.open(new TextSpec(List.of(file), "text", true))) {
                Texts.read(reader);
              }
            })
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file + ":2: is not JSON")
        .message()
        .doesNotContain("\n");
  }

  @Test
  void replacesAndCountsBytesThatAreNotUtf8WhereverTheyAre() throws IOException {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    for (int trial = 0; trial < 20; trial++) {
      byte[] bytes = new byte[60_000 + random.nextInt(20_000)];
      Arrays.fill(bytes, (byte) 'a');
      for (int i = 0; i < bytes.length / 25; i++) {
        bytes[random.nextInt(bytes.length)] = (byte) (0x80 + random.nextInt(0x80));
      }
      byte[] replacement = "\uFFFD".getBytes(StandardCharsets.UTF_8);
      System.arraycopy(replacement, 0, bytes, random.nextInt(60_000), replacement.length);
      String expected = new String(bytes, StandardCharsets.UTF_8);
      Path file = Files.write(folder.resolve("random.txt"), bytes);
      try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
        String text = Texts.read(reader).getFirst();
        assertThat(text.equals(expected)).isTrue();
        // The three bytes of U+FFFD itself are good UTF-8; its first byte continues nothing, so it
        // decodes as such wherever it stands.
        assertThat(reader.problems().characters())
            .isEqualTo(count(expected, "\uFFFD") - count(asLatin1(bytes), "\u00ef\u00bf\u00bd"));
      }
    }
  }

  @Test
  void findsFilesOfFoldersAndPatternsInOneOrder() throws IOException {
    Path deep = Files.createDirectories(folder.resolve("a/b [c]"));
    Files.writeString(folder.resolve("a/2.txt"), "two");
    Files.writeString(folder.resolve("a/1.md"), "one");
    Files.writeString(folder.resolve("a/data.bin"), "binary");
    Files.writeString(folder.resolve("a/.hidden.txt"), "hidden");
    Files.writeString(deep.resolve("3.jsonl"), "{\"text\":\"three\"}");
    assertThat(read(List.of(folder.resolve("a")))).containsExactly("one", "two", "three");
    assertThat(read(List.of(folder.resolve("a/*.txt")))).containsExactly("hidden", "two");
    assertThat(read(List.of(folder.resolve("a/[12].*")))).containsExactly("one", "two");
    assertThat(read(List.of(folder.resolve("**/*.{md,jsonl}")))).containsExactly("one", "three");
    assertThat(read(List.of(deep.resolve("3.jsonl")))).containsExactly("three");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("a"));
    assertThat(read(List.of(link))).containsExactly("one", "two", "three");
    assertThat(read(List.of(folder.resolve("link/*.txt")))).containsExactly("hidden", "two");
    assertThat(TextFiles.find(List.of(link)).getFirst()).isEqualTo(link.resolve("1.md"));

    assertFails(folder.resolve("a/*.csv"), "no file fits this pattern");
    assertFails(folder.resolve("none/*.txt"), "there is no folder");
    assertFails(folder.resolve("none.txt"), "no such file");
    assertFails(Files.createDirectory(folder.resolve("empty")), "is a folder without texts");
    assertFails(folder.resolve("a/[.txt"), "is not a pattern");
  }

  @Test
  void foldersWithAPartThatIsNotThereAreRefused() throws IOException {
    Path texts = Files.createDirectories(folder.resolve("texts"));
    Files.writeString(texts.resolve("1.txt"), "one");
    Path link = Files.createSymbolicLink(texts.resolve("2.txt"), Path.of("gone.txt"));
    for (Path given : List.of(texts, texts.resolve("*.txt"))) {
      assertThatThrownBy(() -> read(List.of(given)))
          .isInstanceOf(IOException.class)
          .hasMessage(
              link + ": is a link to 'gone.txt', which is not there; fetch it, or remove the link");
    }
    Files.delete(link);
    assertThat(read(List.of(texts))).containsExactly("one");

    Path splits = folder.resolve("dataset");
    Path train = Files.createDirectories(splits.resolve("train"));
    Files.writeString(train.resolve("dataset_info.json"), "{}");
    Files.writeString(
        train.resolve("state.json"), "{\"_data_files\": [{\"filename\": \"0.arrow\"}]}");
    Files.writeString(train.resolve("0.arrow"), "whale");
    Path description = splits.resolve("dataset_dict.json");
    Files.writeString(description, "{\"splits\": [\"train\"]}");
    assertThat(TextFiles.find(List.of(splits))).containsExactly(train.resolve("0.arrow"));
    Files.writeString(description, "{\"splits\": [\"train\", \"test\"]}");
    assertFails(splits, "dataset_dict.json: names the split 'test', which is not there");
    Files.createDirectories(splits.resolve("test"));
    assertFails(splits, "dataset_dict.json: names the split 'test', which is not there");
    Files.writeString(description, "{\"splits\": [\"tr");
    assertFails(splits, "dataset_dict.json: is not the description of a data set (it ends too");
    assertThat(TextFiles.find(List.of(train))).hasSize(1);
  }

  /** Members end before, at and after the end of what is read at once. */
  @Test
  void gzipIsReadToTheEndOfItsLastMember() throws IOException {
    Path file = folder.resolve("members.txt.gz");
    for (int end = 65_536 - 30; end < 65_536 + 30; end++) {
      ByteArrayOutputStream members = new ByteArrayOutputStream();
      members.write(member("one ", end));
      assertThat(members.size()).isEqualTo(end);
      members.write(member("two ", 40));
      members.write(member("three", 40));
      Files.write(file, members.toByteArray());
      assertThat(read(List.of(file))).as("%d", end).containsExactly("one two three");
      byte[] whole = members.toByteArray();
      Files.write(file, Arrays.copyOf(whole, whole.length + end % 70));
      assertThat(read(List.of(file))).as("%d", end).containsExactly("one two three");
      for (int cut : new int[] {end + 3, end + 9, end + 20, end + 43, whole.length - 1}) {
        Files.write(file, Arrays.copyOf(whole, cut));
        assertFails(file, "its gzip stream is damaged, cut off");
      }
      whole[end + 40] ^= 1;
      Files.write(file, whole);
      assertFails(file, "its gzip stream is damaged, cut off");
      Files.write(file, Arrays.copyOf(whole, end + 40));
      assertThat(read(List.of(file))).containsExactly("one two ");
    }
  }

  /** A member of a gzip stream whose header has a name that makes it so long. */
  private static byte[] member(String text, int length) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    byte[] plain = packed.toByteArray();
    byte[] named = new byte[length];
    int more = length - plain.length;
    System.arraycopy(plain, 0, named, 0, 10);
    named[3] = 8;
    Arrays.fill(named, 10, 10 + more - 1, (byte) 'n');
    System.arraycopy(plain, 10, named, 10 + more, plain.length - 10);
    return named;
  }

  @Test
  void readsJsonArraysItemByItem() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("a.json"),
            "\uFEFF \n[\n  {\"n\": {\"text\": [1, {}]}, \"text\": \"one\\u00e9\"},\n \"two\\n🐋\",\n"
                + "{\"text\": null}, 7, [\"x\"], {\"body\": NaN}, {\"text\": \"half \\ud83d pair\"}, \"\"\n]\n ");
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
      assertThat(Texts.read(reader)).containsExactly("oneé", "two\n🐋", "half \uFFFD pair", "");
      assertThat(reader.problems().characters()).isEqualTo(1);
      assertThat(reader.problems().summary())
          .startsWith("4 documents that cannot be read, 1 character that is not UTF-8: " + file)
          .contains(file + " item 2 has no text in its field 'text', but null")
          .contains(file + " item 3 is not a JSON object, but a number")
          .contains(file + " item 4 is not a JSON object, but a list")
          .endsWith("; and 2 more");
    }
    byte[] latin = "[\"caf\u00e9 \", \"fine\"]".getBytes(StandardCharsets.ISO_8859_1);
    assertThat(read(List.of(Files.write(folder.resolve("latin.jsonl"), latin))))
        .containsExactly("caf\uFFFD ", "fine");
    assertThat(read(List.of(Files.writeString(folder.resolve("empty.json"), "[]")))).isEmpty();
  }

  @Test
  void damagedJsonArraysEndInOneLine() throws IOException {
    String array = "[{\"text\": \"one\"}, {\"text\": \"two\", \"n\": [[1], {\"a\": {}}]}]";
    for (int length = 1; length < array.length(); length++) {
      Path cut = Files.writeString(folder.resolve("cut.json"), array.substring(0, length));
      assertFails(cut, "is not a JSON array that can be read (it");
    }
    assertFails(
        Files.writeString(folder.resolve("two.json"), array + "\n" + array),
        "has more after the end of its JSON array");
    assertFails(
        Files.writeString(folder.resolve("twice.json"), "[{\"a\":1,\"a\":2}]"),
        "(the name 'a' occurs twice, in line 1); it is damaged or incomplete");
    assertFails(
        Files.writeString(folder.resolve("deep.json"), "[".repeat(5000)),
        "(it exceeds the limits on nesting");
  }

  private static String asLatin1(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private static int count(String text, String wanted) {
    int found = 0;
    for (int at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
      found++;
    }
    return found;
  }

  private static List<String> read(List<Path> paths) throws IOException {
    try (TextReader reader = TextReader.open(TextSpec.of(paths))) {
      return Texts.read(reader);
    }
  }

  private static void assertFails(Path path, String message) {
    assertThatThrownBy(() -> read(List.of(path)))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(path.toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
