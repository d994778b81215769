package io.sluice.geometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatisticsFileTest {
  @TempDir Path folder;

  @Test
  void readsBackWhatItWrote() throws IOException {
    Map<String, Covariance> covariances = new LinkedHashMap<>();
    covariances.put(
        "layers.0.attn_out", Covariance.of(7, new double[] {1, 2}, new double[] {3, 4, 4, 5}));
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

  private static void assertRefused(Path path) {
    assertThatThrownBy(() -> StatisticsFile.read(path))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(path.getFileName().toString())
        .hasMessageContaining("not a Sluice statistics file");
  }
}
