package io.sluice.text;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Texts and JSON lines, plain, packed and in wide characters, with damage anywhere: each is read or
 * refused in one line that names the file, in bounded time and memory.
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
            gzip(("\uFEFF" + lines).getBytes(StandardCharsets.UTF_16LE)));
    Path[] file = new Path[1];
    int read =
        FuzzRun.run(
            "ContentFuzzTest",
            MUTATIONS,
            folder,
            MOST,
            random -> {
              file[0] = folder.resolve(random.nextBoolean() ? "a.jsonl" : "a.txt");
              byte[] bytes = sound.get(random.nextInt(sound.size()));
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

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }
}
