package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatisticsFileTest {
  @TempDir Path folder;

  @Test
  void readsBackWhatItWrote() throws IOException {
    Map<String, Covariance> covariances = new LinkedHashMap<>();
    covariances.put(
        "layers.0.attn_out", Covariance.of(7, new double[] {1, 2}, new double[] {3, -2, -2, 5}));
    covariances.put("layers.1.mlp_out", Covariance.of(8, new double[] {9}, new double[] {1e-300}));
    Path path = folder.resolve("stats.safetensors");
    new StatisticsFile("a model", "a text", covariances).write(path);
    StatisticsFile back = StatisticsFile.read(path);
    assertThat(back.model()).isEqualTo("a model");
    assertThat(back.text()).isEqualTo("a text");
    assertThat(back.covariances()).containsOnlyKeys(covariances.keySet());
    covariances.forEach(
        (hook, covariance) -> {
          assertThat(back.covariance(hook).count()).isEqualTo(covariance.count());
          assertThat(back.covariance(hook).mean()).containsExactly(covariance.mean());
          assertThat(back.covariance(hook).matrix()).containsExactly(covariance.matrix());
        });
    assertThatThrownBy(() -> back.covariance("layers.9.z"))
        .isInstanceOf(NoSuchElementException.class)
        .hasMessageContaining("layers.9.z")
        .hasMessageContaining("layers.1.mlp_out");
  }

  @Test
  void refusesOtherFiles() throws IOException {
    Path other = folder.resolve("other.safetensors");
    Safetensors.write(other, List.of(TensorData.of("x", new float[1], 1)), Map.of());
    assertRefused(other);
    Path lacking = folder.resolve("lacking.safetensors");
    Safetensors.write(
        lacking,
        List.of(TensorData.of("a.mean", new float[1], 1)),
        Map.of("format", StatisticsFile.FORMAT, "a.count", "3"));
    assertRefused(lacking);
    Path empty = folder.resolve("empty.safetensors");
    Files.createFile(empty);
    assertThatThrownBy(() -> StatisticsFile.read(empty))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("empty.safetensors");
  }

  @Tag("slow")
  @Test
  void refusesWhatIsNoCovariance() throws IOException {
    for (double[] matrix :
        new double[][] {
          {3, 4, 4, 5},
          {3, 1, 2, 5},
          {-3, 0, 0, 5},
          {3, 0, 0, Double.NaN},
          {3, 1e308, -1e-8, 5},
          {Double.POSITIVE_INFINITY, 0, 0, 5},
        }) {
      assertRefused(written("3", new double[] {1, 2}, matrix));
    }
    double[] good = {3, 1, 1, 5};
    assertRefused(written("3", new double[] {1, Double.NaN}, good));
    for (String count : List.of("", "three", "-3", "3.5", "99999999999999999999", "\u0663")) {
      assertRefused(written(count, new double[] {1, 2}, good));
    }
    assertRefused(written("3", new double[] {1, 2, 3}, good));
    assertThat(StatisticsFile.read(written("3", new double[] {1, 2}, good)).covariances())
        .containsOnlyKeys("a");
  }

  @Test
  void takesColumnsThatDoNotVary() throws IOException {
    // What rounding leaves of a variance of 0.
    double[] matrix = {2, 1e-9, 1e-9, -1e-12};
    assertThat(StatisticsFile.read(written("3", new double[] {1, 2}, matrix)).covariances())
        .hasSize(1);
    assertThat(StatisticsFile.read(written("3", new double[2], new double[4])).covariances())
        .hasSize(1);
  }

  private Path written(String count, double[] mean, double[] matrix) throws IOException {
    Path path = folder.resolve("damaged.safetensors");
    int d = (int) Math.sqrt(matrix.length);
    Safetensors.write(
        path,
        List.of(
            TensorData.of("a.mean", DType.F64, MemorySegment.ofArray(mean), mean.length),
            TensorData.of("a.covariance", DType.F64, MemorySegment.ofArray(matrix), d, d)),
        Map.of("format", StatisticsFile.FORMAT, "a.count", count));
    return path;
  }

  private static void assertRefused(Path path) {
    assertThatThrownBy(() -> StatisticsFile.read(path))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(path.getFileName().toString())
        .hasMessageContaining("not a Sluice statistics file");
  }
}
