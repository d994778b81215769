package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Parquet files by a writer of our own, sound ones and ones in which any length, count, offset,
 * type, nesting, level, Snappy or LZ4 instruction may be wrong: each is read as it was written, or
 * ends in one line that names the file. Nothing hangs or takes memory out of proportion.
 *
 * <p>How many there are is the system property {@code sluice.mutations}; {@code make fuzz} runs
 * 100,000.
 */
@Tag("fuzz")
class ParquetFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 3000);

  /** All that is allocated while 64 MiB unfold, a few times each as bytes, chars and strings. */
  private static final long MOST_BYTES = 768L << 20;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir(factory = InMemory.class)
  Path folder;

  @Test
  void readsWhatIsWritten() throws IOException {
    Random random = new Random(Seeds.seed());
    Path file = folder.resolve("sound.parquet");
    for (int i = 0; i < 300; i++) {
      List<String> texts = texts(random);
      Files.write(file, ParquetWriter.write(texts, new Oddities(random, 0)));
      try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
        assertThat(Texts.read(reader))
            .as("file " + i)
            .isEqualTo(texts.stream().filter(Objects::nonNull).toList());
        assertThat(reader.problems().documents())
            .isEqualTo(texts.stream().filter(Objects::isNull).count());
      }
    }
  }

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damageIsReadOrRefusedInOneLine() throws IOException {
    Path file = folder.resolve("damaged.parquet");
    int read =
        FuzzRun.run(
            "ParquetFuzzTest",
            MUTATIONS,
            file,
            new FuzzRun.Memory(MOST_BYTES, 0),
            random -> {
              double rate = Math.pow(10, -1 - 2 * random.nextDouble());
              byte[] bytes = ParquetWriter.write(texts(random), new Oddities(random, rate));
              Files.write(file, random.nextInt(4) == 0 ? Mutations.mutate(bytes, random) : bytes);
              return bytes.length;
            },
            () -> read(file));
    assertThat(read).isBetween(MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
  }

  @Test
  void refusesSchemasAndHeadersOfAnyDepth() throws IOException {
    Path file = folder.resolve("deep.parquet");
    for (int levels : new int[] {101, 100_000}) {
      Oddities none = new Oddities(new Random(1), 0);
      ThriftWriter footer = new ThriftWriter(none).begin().number(1, 2);
      footer.list(2, ThriftWriter.STRUCT, levels + 1);
      for (int i = 0; i < levels; i++) {
        footer.begin().number(3, 0).text(4, "s").number(5, 1).end();
      }
      footer.begin().number(1, 6).number(3, 0).text(4, "text").end();
      footer.list(4, ThriftWriter.STRUCT, 0);
      byte[] bytes = footer.end().bytes();
      ByteArrayOutputStream whole = new ByteArrayOutputStream();
      whole.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
      whole.writeBytes(bytes);
      whole.writeBytes(PageWriter.little(bytes.length));
      whole.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
      Files.write(file, whole.toByteArray());
      assertThatThrownBy(() -> read(file))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file + ": is not a Parquet file that can be read (its schema is")
          .hasMessageContaining("nested deeper than 100 levels");
    }
  }

  @Test
  void refusesFilesThatUnfoldToGigabytes() throws IOException {
    Path file = folder.resolve("bomb.parquet");
    for (int length : new int[] {1 << 20, 32 << 20}) {
      byte[] bytes = ParquetWriter.writePacked(Collections.nCopies(100, "a".repeat(length)));
      assertThat(bytes.length).isLessThan(10_000);
      Files.write(file, bytes);
      long before = THREADS.getCurrentThreadAllocatedBytes();
      assertThatThrownBy(() -> read(file))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file.toString())
          .hasMessageContaining("unpacks to");
      assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(MOST_BYTES);
    }
  }

  /** Reads piece by piece, and keeps nothing. */
  private static void read(Path file) throws IOException {
    try (TextReader reader = TextReader.open(TextSpec.of(List.of(file)))) {
      while (reader.nextDocument()) {
        String piece = reader.nextPiece();
        while (piece != null) {
          piece = reader.nextPiece();
        }
      }
    }
  }

  /** Rows of which some are missing, empty, long or alike. */
  private static List<String> texts(Random random) {
    List<String> texts = new ArrayList<>();
    boolean missing = random.nextBoolean();
    int kinds = 1 + random.nextInt(40);
    for (int i = 1 + random.nextInt(300); i > 0; i--) {
      int kind = random.nextInt(kinds);
      texts.add(
          missing && random.nextInt(4) == 0
              ? null
              : kind == 0 ? "" : "text " + kind + " größe 🐋" + " whale".repeat(kind * kind % 97));
    }
    return texts;
  }
}
