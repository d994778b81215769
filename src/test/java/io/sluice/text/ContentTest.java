package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import io.sluice.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is not text is read where that is easy, and else refused by name. */
class ContentTest {
  private static final String LINES =
      "{\"text\":\"the sea was grey\"}\n{\"text\":\"größe 北京 🐋\"}\n";

  @TempDir Path folder;

  @Test
  void unpacksGzipAndZstandardWhateverTheFileIsCalled() throws IOException {
    byte[] lines = LINES.getBytes(StandardCharsets.UTF_8);
    for (String name : List.of("a.jsonl.gz", "b.jsonl", "C.JSON.GZ")) {
      assertThat(read(write(name, gzip(lines)))).containsExactly("the sea was grey", "größe 北京 🐋");
    }
    for (String name : List.of("a.jsonl.zst", "b.ndjson.zstd")) {
      assertThat(read(write(name, Zstd.compress(lines)))).hasSize(2);
    }
    assertThat(read(write("plain.gz", gzip(lines)))).containsExactly(LINES);
    byte[] utf16 = ("\uFEFF" + LINES).getBytes(StandardCharsets.UTF_16LE);
    assertThat(read(write("wide.jsonl.gz", gzip(utf16)))).hasSize(2);
  }

  @Test
  void unpacksAllPartsOfAFileThatWasAppendedTo() throws IOException {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    StringBuilder all = new StringBuilder();
    ByteArrayOutputStream gzip = new ByteArrayOutputStream();
    ByteArrayOutputStream zstd = new ByteArrayOutputStream();
    for (int part = 0; part < 5; part++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(150_000); i >= 0; i--) {
        text.append((char) ('a' + random.nextInt(26)));
      }
      byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
      gzip.writeBytes(gzip(bytes));
      zstd.writeBytes(Zstd.compress(bytes));
      all.append(text);
    }
    assertThat(read(write("a.txt.gz", gzip.toByteArray()))).containsExactly(all.toString());
    assertThat(read(write("a.txt.zst", zstd.toByteArray()))).containsExactly(all.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
  void readsWideTextsWithAMarkAndPlainOnesWithout(String charset) throws IOException {
    String text = "the sea was größer 北京 🐋\n".repeat(5000);
    Path marked = write("a.txt", ("\uFEFF" + text).getBytes(Charset.forName(charset)));
    assertThat(read(marked)).containsExactly(text);
    String plain = "the sea was größer, and grey\n".repeat(5000);
    Path bare = write("b.txt", plain.getBytes(Charset.forName(charset)));
    assertThat(read(bare)).containsExactly(plain);
    byte[] cut = ("\uFEFF" + text).getBytes(Charset.forName(charset));
    Path damaged = write("c.txt", Arrays.copyOf(cut, cut.length - 1));
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(damaged)))) {
      assertThat(Texts.read(reader).getFirst()).endsWith("🐋\uFFFD");
      assertThat(reader.problems().summary()).contains("is not " + charset + " at byte");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "464541310000, a Feather file",
    "504152450000, an encrypted Parquet file",
    "4f626a010414, an Avro file",
    "4f5243080003, an ORC file",
    "894844460d0a1a0a, an HDF5 file",
    "53514c69746520666f726d6174203300, an SQLite database",
    "504b0304140000, a zip archive",
    "504b0506000000, an empty zip archive",
    "377abcaf271c0004, a 7z archive",
    "526172211a0701, a RAR archive",
    "213c617263683e0a64656269616e, an ar archive",
    "fd377a585a000004, compressed with xz",
    "425a6839314159265359, compressed with bzip2",
    "04224d186440a7, compressed with LZ4",
    "4c5a49500118, compressed with lzip",
    "1f9d9054, compressed with compress",
    "89504e470d0a1a0a0000000d, a PNG image",
    "ffd8ffe000104a464946, a JPEG image",
    "47494638396101000100, a GIF image",
    "49492a0008000000, a TIFF image",
    "524946462400000057454250, a WebP image",
    "000000186674797069736f6d, a film",
    "255044462d312e37, a PDF document",
    "d0cf11e0a1b11ae1, an Office document",
    "7f454c46020101, a program",
    "cafebabe00000041, a program",
    "0061736d01000000, a WebAssembly program",
    "4747554603000000, a GGUF model",
    "934e554d5059, a NumPy array",
    "80049512000000, a pickle",
    "80027d7100, a pickle",
    "20000000000000007b2261223a, a safetensors file",
    "aced0005, Java's serialised objects",
  })
  void refusesByNameWhatIsNoText(String bytes, String name) throws IOException {
    for (String file : List.of("a.txt", "a.jsonl")) {
      refuses(write(file, HexFormat.of().parseHex(bytes)), name);
    }
    byte[] inside = gzip(HexFormat.of().parseHex(bytes));
    refuses(write("inside.txt.gz", inside), "(unpacked with gzip): is " + name);
  }

  @Test
  void refusesArchivesInsideOfPackedFiles() throws IOException {
    byte[] tar = new byte[1024];
    tar[0] = 'a';
    System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
    refuses(write("a.tar", tar), "is a tar archive, no text; unpack it");
    refuses(write("a.tar.gz", gzip(tar)), "is a tar archive");
    refuses(write("b.gz", gzip(gzip(tar))), "contains gzip data");
    refuses(write("c.gz", gzip("PAR1".getBytes(StandardCharsets.UTF_8))), "contains Parquet data");
    refuses(write("d.gz", gzip(new byte[] {-1, -1, -1, -1})), "contains Arrow data; unpack it");
  }

  @Test
  void refusesOtherEncodingsAndRandomBytes() throws IOException {
    String chinese = "海是灰色的，天空也是。".repeat(20);
    refuses(write("gbk.txt", chinese.getBytes(Charset.forName("GBK"))), "convert it to UTF-8");
    byte[] random = new byte[5000];
    new Random(Seeds.seed()).nextBytes(random);
    random[0] = 'a';
    refuses(write("random.txt", random), "is not text: of its first");
  }

  @Test
  void readsTextsThatBeginAsOtherFilesDo() throws IOException {
    for (String text :
        List.of("BM is short.", "GGUF files hold models", "RIFFs of WAVE", "MZ", "PK", "ORC!")) {
      assertThat(read(write("a.txt", text.getBytes(StandardCharsets.UTF_8)))).containsExactly(text);
    }
    assertThat(read(write("empty.txt", new byte[0]))).containsExactly("");
    byte[] latin = "un café à la crème".getBytes(StandardCharsets.ISO_8859_1);
    assertThat(read(write("latin.txt", latin)))
        .containsExactly("un caf\uFFFD \uFFFD la cr\uFFFDme");
  }

  @Tag("slow")
  @Test
  void damagedOrEndlessStreamsEndInOneLine() throws IOException {
    byte[] lines = LINES.repeat(1000).getBytes(StandardCharsets.UTF_8);
    byte[] gzip = gzip(lines);
    byte[] zstd = Zstd.compress(lines);
    refuses(write("a.jsonl.gz", Arrays.copyOf(gzip, gzip.length / 2)), "gzip stream is damaged");
    refuses(write("a.jsonl.zst", Arrays.copyOf(zstd, zstd.length / 2)), "Zstandard stream is");
    gzip[gzip.length - 6] ^= 1;
    refuses(write("sum.jsonl.gz", gzip), "gzip stream is damaged");
    byte[] bomb =
        Zstd.compress(
            new String(new char[70 << 20]).replace('\0', ' ').getBytes(StandardCharsets.US_ASCII));
    assertThat(bomb.length).isLessThan(20_000);
    refuses(write("bomb.txt.zst", bomb), "it unpacks to more than 67108864 bytes");
  }

  @Test
  void foldersHoldPackedTextsOnceEach() throws IOException {
    write("a.txt", "one".getBytes(StandardCharsets.UTF_8));
    write("a.txt.gz", gzip("one".getBytes(StandardCharsets.UTF_8)));
    write("b.jsonl.gz", gzip("{\"text\":\"two\"}".getBytes(StandardCharsets.UTF_8)));
    write("c.bin.gz", gzip(new byte[3]));
    assertThat(read(folder)).containsExactly("one", "two");
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  private static List<String> read(Path path) throws IOException {
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(path)))) {
      return Texts.read(reader);
    }
  }

  private static void refuses(Path file, String why) {
    assertThatThrownBy(() -> read(file))
        .isInstanceOf(IOException.class)
        .message()
        .startsWith(file.toString())
        .contains(why)
        .doesNotContain("\n");
  }
}
