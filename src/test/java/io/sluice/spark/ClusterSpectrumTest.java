package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.cli.CommandProcess;
import io.sluice.geometry.StatisticsFile;
import io.sluice.memory.DType;
import io.sluice.report.Spectra;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark spectrum} on a cluster and in one process, beside {@code bin/sluice}. */
@Tag("spark")
class ClusterSpectrumTest {
  /** More than the tree merges at once. */
  private static final int SHARDS = 20;

  private static final int ROWS_PER_SHARD = 40;
  private static final List<Column> COLUMNS =
      List.of(
          new Column("layers.0.attn_out", 24, DType.F32),
          new Column("layers.1.attn_out", 24, DType.F32),
          new Column("layers.1.mlp_out", 33, DType.F32));

  @TempDir static Path folder;
  private static SparkCluster cluster;

  @BeforeAll
  static void start() throws IOException {
    SparkCluster.home();
    store(folder.resolve("store"), new Random(Seeds.seed()));
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void hasTheSameBitsForAnyExecutorsAndIsThatOfOneMachineButForRounding() throws Exception {
    String[] options = {
      "spectrum", "--store", "store", "--features", "64", "--k", "4", "--dead-window", "1000"
    };
    CommandProcess many = cluster.run(folder, with(options, "many"));
    assertThat(many.status()).as(many.err()).isZero();
    CommandProcess one = SparkCluster.runLocally(folder, with(options, "one"));
    assertThat(one.status()).as(one.err()).isZero();
    assertThat(folder.resolve("many.json")).hasSameBinaryContentAs(folder.resolve("one.json"));
    assertThat(folder.resolve("many.safetensors"))
        .hasSameBinaryContentAs(folder.resolve("one.safetensors"));
    assertThat(many.out()).isEqualTo(one.out());

    String[] words = with(options, "single");
    CommandProcess single = CommandProcess.run(folder, new String[0], words);
    assertThat(single.status()).as(single.err()).isZero();
    Spectra expected = Spectra.read(folder.resolve("single.json"));
    Spectra spectra = Spectra.read(folder.resolve("many.json"));
    assertThat(spectra.tokens()).isEqualTo(expected.tokens()).isEqualTo(SHARDS * ROWS_PER_SHARD);
    assertThat(spectra.hooks()).hasSameSizeAs(COLUMNS);
    for (int i = 0; i < COLUMNS.size(); i++) {
      Spectra.Hook hook = spectra.hooks().get(i);
      Spectra.Hook alone = expected.hooks().get(i);
      assertThat(hook.hook()).isEqualTo(COLUMNS.get(i).name()).isEqualTo(alone.hook());
      assertThat(hook.intrinsicDimension()).isEqualTo(alone.intrinsicDimension());
      assertThat(hook.expectedDead()).hasSameSizeAs(alone.expectedDead());
      assertThat(hook.eigenvalues())
          .containsExactly(alone.eigenvalues(), within(1e-6 * alone.eigenvalues()[0]));
    }
  }

  /** Together the covariances exceed what Spark lets come to the driver at once. */
  @Test
  void covariancesDoNotMeetInTheDriver() throws Exception {
    List<Column> columns =
        IntStream.range(0, 6)
            .mapToObj(i -> new Column("layers." + i + ".z", 150, DType.F32))
            .toList();
    store(folder.resolve("wide"), new Random(Seeds.seed()), columns);
    String[] options = {"spectrum", "--store", "wide", "--features", "64", "--k", "4"};
    List<String> little = List.of("--conf", "spark.driver.maxResultSize=300k");
    CommandProcess many = cluster.runWith(little, folder, with(options, "wide-many"));
    assertThat(many.status()).as(many.err()).isZero();
    CommandProcess one = SparkCluster.runLocally(folder, with(options, "wide-one"));
    assertThat(one.status()).as(one.err()).isZero();
    assertThat(folder.resolve("wide-many.safetensors"))
        .hasSameBinaryContentAs(folder.resolve("wide-one.safetensors"));
    CommandProcess single = CommandProcess.run(folder, new String[0], with(options, "wide-alone"));
    assertThat(single.status()).as(single.err()).isZero();
    StatisticsFile expected = StatisticsFile.read(folder.resolve("wide-alone.safetensors"));
    StatisticsFile found = StatisticsFile.read(folder.resolve("wide-many.safetensors"));
    assertThat(found.covariances().keySet())
        .containsExactlyElementsOf(columns.stream().map(Column::name).toList());
    found
        .covariances()
        .forEach(
            (hook, covariance) -> {
              assertThat(covariance.count()).isEqualTo(SHARDS * ROWS_PER_SHARD);
              assertThat(covariance.matrix())
                  .containsExactly(expected.covariance(hook).matrix(), within(1e-6));
            });
  }

  @Test
  void theErrorOfATaskIsOneLine() throws Exception {
    Path damaged = folder.resolve("damaged");
    store(damaged, new Random(1));
    try (FileChannel shard =
        FileChannel.open(damaged.resolve("shard-00003.arrow"), StandardOpenOption.WRITE)) {
      shard.write(ByteBuffer.allocate(4), shard.size() / 2);
    }
    CommandProcess result = cluster.run(folder, "spectrum", "--store", "damaged");
    assertThat(result.status()).isEqualTo(1);
    assertThat(errors(result)).hasSize(1);
    assertThat(errors(result).getFirst())
        .startsWith(
            "sluice-spark spectrum: " + damaged.resolve("shard-00003.arrow") + ": checksum");
  }

  @Test
  void aPathThatExecutorsDoNotSeeIsNamed() throws Exception {
    // Each process has a working folder of its own.
    CommandProcess result = cluster.run(folder, "spectrum", "--store", "/proc/self/cwd/store");
    assertThat(result.status()).isEqualTo(1);
    assertThat(errors(result)).hasSize(1);
    assertThat(errors(result).getFirst())
        .startsWith("sluice-spark spectrum: /proc/self/cwd/store: executor ")
        .contains("does not see it");
  }

  @Test
  void wrongUsageIsToldWithoutStartingATask() throws Exception {
    CommandProcess result = SparkCluster.runLocally(folder, "spectrum", "--store", "no-such-store");
    assertThat(result.status()).isEqualTo(1);
    assertThat(errors(result))
        .singleElement()
        .asString()
        .startsWith("sluice-spark spectrum: no-such-store: no such folder");
    CommandProcess unknown = SparkCluster.runLocally(folder, "spectrum", "--stor", "store");
    assertThat(unknown.status()).isEqualTo(2);
  }

  /** Lines of errors, without those of progress. */
  private static List<String> errors(CommandProcess result) {
    return result.err().lines().filter(line -> !line.startsWith("spectrum: ")).toList();
  }

  private static String[] with(String[] options, String name) {
    String[] all = java.util.Arrays.copyOf(options, options.length + 4);
    all[options.length] = "--out";
    all[options.length + 1] = name + ".json";
    all[options.length + 2] = "--stats";
    all[options.length + 3] = name + ".safetensors";
    return all;
  }

  private static void store(Path place, Random random) throws IOException {
    store(place, random, COLUMNS);
  }

  private static void store(Path place, Random random, List<Column> columns) throws IOException {
    StoreSpec spec = StoreSpec.of("model", "text", columns).withRowsPerShard(ROWS_PER_SHARD);
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      int rows = SHARDS * ROWS_PER_SHARD;
      MemorySegment[] values = new MemorySegment[columns.size()];
      for (int i = 0; i < values.length; i++) {
        int width = columns.get(i).width();
        float[] column = new float[rows * width];
        for (int at = 0; at < column.length; at++) {
          column[at] = (float) (1 + random.nextGaussian() / (1 + at % width));
        }
        values[i] = MemorySegment.ofArray(column);
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, values);
      writer.finish();
    }
    assertThat(Files.exists(place.resolve("shard-000" + (SHARDS - 1) + ".arrow"))).isTrue();
  }
}
