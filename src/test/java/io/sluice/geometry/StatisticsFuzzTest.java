package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.FuzzRun;
import io.sluice.testing.InMemory;
import io.sluice.testing.JsonMutations;
import io.sluice.testing.Mutations;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Statistics whose header and values are damaged: they are covariances, or refused in one line. */
@Tag("fuzz")
class StatisticsFuzzTest {
  @TempDir(factory = InMemory.class)
  private Path folder;

  @Test
  @Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isReadOrRefusedInOneLine() throws IOException {
    Path file = folder.resolve("stats.safetensors");
    Map<String, Covariance> covariances = new LinkedHashMap<>();
    double[] matrix = {3, -1, 0.5, -1, 2, 0, 0.5, 0, 1};
    covariances.put("layers.0.attn_out", Covariance.of(7, new double[] {1, 2, 3}, matrix));
    covariances.put("layers.1.z", Covariance.of(8, new double[] {9}, new double[] {1e-300}));
    new StatisticsFile("a model", "a text", covariances).write(file);
    byte[] whole = Files.readAllBytes(file);
    int header = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] json = Arrays.copyOfRange(whole, 8, 8 + header);
    byte[] values = Arrays.copyOfRange(whole, 8 + header, whole.length);
    int read =
        FuzzRun.run(
            "StatisticsFuzzTest",
            FuzzRun.MUTATIONS,
            folder,
            random -> write(file, json, values, random),
            () -> {
              for (Covariance covariance : StatisticsFile.read(file).covariances().values()) {
                assertThat(Spectrum.of(covariance).eigenvalues()).doesNotContain(Double.NaN);
              }
            });
    assertThat(read).isBetween(FuzzRun.MUTATIONS / 100, FuzzRun.MUTATIONS * 19 / 20);
  }

  private static long write(Path file, byte[] json, byte[] values, Random random)
      throws IOException {
    byte[] header = random.nextBoolean() ? JsonMutations.mutate(json, random) : json;
    byte[] data = random.nextBoolean() ? Mutations.mutate(values, random) : values;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
    out.writeBytes(header);
    out.writeBytes(data.length == values.length ? data : Arrays.copyOf(data, values.length));
    Files.write(file, out.toByteArray());
    return out.size();
  }
}
