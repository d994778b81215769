package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Texts, JSON lines, JSON arrays and Arrow, plain, packed and in wide characters, with damage
 * anywhere: each is read or refused in one line that names the file, in bounded time and memory.
 *
 * <p>How many there are is the system property {@code sluice.mutations}; {@code make fuzz} runs
 * 100,000.
 */
@Tag("fuzz")
class ContentFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 2000);

  /** While texts unfold. */
  private static final FuzzRun.Memory MOST = new FuzzRun.Memory(768L << 20, 0);

  @TempDir(factory = InMemory.class)
  Path folder;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void damageIsReadOrRefusedInOneLine() throws IOException {
    String lines = "{\"text\":\"größe 北京 🐋\",\"n\":[1,NaN,{}]}\n{\"text\":\"sea\"}\n".repeat(20);
    byte[] plain = lines.getBytes(StandardCharsets.UTF_8);
    List<byte[]> sound =
        List.of(
            plain,
            gzip(plain),
            Zstd.compress(plain),
            ("\uFEFF" + lines).getBytes(StandardCharsets.UTF_16LE),
            ("\uFEFF" + lines).getBytes(StandardCharsets.UTF_16BE),
            gzip(("\uFEFF" + lines).getBytes(StandardCharsets.UTF_16LE)),
            ("[" + lines.strip().replace("\n", ",") + "]").getBytes(StandardCharsets.UTF_8),
            arrow(false),
            arrow(true));
    Path[] file = new Path[1];
    int read =
        FuzzRun.run(
            "ContentFuzzTest",
            MUTATIONS,
            folder,
            MOST,
            random -> {
              int which = random.nextInt(sound.size());
              String name = random.nextBoolean() ? "a.jsonl" : "a.txt";
              file[0] = folder.resolve(which < sound.size() - 2 ? name : "a.arrow");
              byte[] bytes = sound.get(which);
              int front = random.nextBoolean() ? bytes.length : 24;
              Files.write(file[0], Mutations.mutate(bytes, front, random));
              return bytes.length;
            },
            () -> {
              try (TextReader reader = TextReader.open(TextSpec.of(List.of(file[0])))) {
                Texts.read(reader);
              }
            });
    assertThat(read).isBetween(MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
  }

  /** Two batches of a column of texts, some missing, beside one of numbers. */
  private static byte[] arrow(boolean asFile) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (RootAllocator allocator = new RootAllocator();
        IntVector numbers = new IntVector("n", allocator);
        VarCharVector texts = new VarCharVector("text", allocator)) {
      for (int i = 0; i < 20; i++) {
        numbers.setSafe(i, i);
        if (i % 5 > 0) {
          texts.setSafe(i, "größe 北京".getBytes(StandardCharsets.UTF_8));
        }
      }
      VectorSchemaRoot root = VectorSchemaRoot.of(numbers, texts);
      root.setRowCount(20);
      try (ArrowWriter writer =
          asFile
              ? new ArrowFileWriter(root, null, Channels.newChannel(out))
              : new ArrowStreamWriter(root, null, out)) {
        writer.start();
        writer.writeBatch();
        writer.writeBatch();
        writer.end();
      }
    }
    return out.toByteArray();
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }
}
