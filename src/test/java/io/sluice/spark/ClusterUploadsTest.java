package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stores on {@code s3a://} where a worker dies within an upload, or its disk is full. */
@Tag("spark")
@Tag("spark-failures")
class ClusterUploadsTest {
  private static final Path MODEL = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();
  private static final int SHARDS = 6;

  /** Shards of 600 kB, of which one is larger than what a full disk takes. */
  private static final int ROWS_PER_SHARD = 1500;

  private static final int WIDTH = 100;

  /** Less than half of a shard that is captured. */
  private static final long HALFWAY = 20_000_000;

  @TempDir static Path folder;
  private static S3Server server;
  private static SparkCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    SparkCluster.home();
    server = S3Server.start(Files.createDirectory(folder.resolve("server")));
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private static String[] capture(String out, String... more) {
    List<String> words = new ArrayList<>(List.of("capture", "--model", MODEL.toString()));
    words.addAll(List.of("--text", "text.txt", "--hooks", "layers.*.*", "--tokens", "4200"));
    words.addAll(List.of("--out", out));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  /** Options for Spark with which uploads go another way, and both workers have tasks. */
  private static List<String> through(int port) throws IOException {
    List<String> spark = new ArrayList<>(server.options(port));
    spark.addAll(SparkCluster.BOTH);
    return spark;
  }

  @Test
  @Tag("model")
  void anUploadOfAKilledWorkerLeavesNothingAndAFullDiskNeither() throws Exception {
    Files.writeString(
        folder.resolve("text.txt"),
        "The white whale of the sea sleeps, and sails away. ".repeat(900));
    CommandProcess alone = CommandProcess.run(folder, new String[0], capture("alone"));
    assertThat(alone.status()).as(alone.err()).isZero();

    Path cache = folder.resolve("capture-cache");
    String[] words =
        capture(S3Server.address("killed"), "--task-tokens", "1000", "--cache", cache.toString());
    try (HeldUploads uploads = new HeldUploads(server.port(), HALFWAY)) {
      CompletableFuture<CommandProcess> running =
          cluster.begin(through(uploads.port()), folder, words);
      // That of each worker.
      uploads.await(2);
      assertThat(shards("killed")).isEmpty();
      cluster.killWorker();
      uploads.letGo();
      CommandProcess killed = running.get(10, TimeUnit.MINUTES);
      assertThat(killed.status()).as(killed.err()).isZero();
    } finally {
      cluster.startWorkerAgain(Map.of());
    }
    requireStoreOfOneMachine("killed");
    assertThat(cache.resolve("writing")).isEmptyDirectory();

    List<String> spark = new ArrayList<>(SparkCluster.fullDisk());
    spark.addAll(server.options());
    words = capture(S3Server.address("full"), "--task-tokens", "1000");
    CommandProcess full = cluster.runOnInstalledLibTorch(spark, folder, words);
    assertThat(full.status()).as(full.err()).isZero();
    requireStoreOfOneMachine("full");
    assertThat(full.err())
        .contains("a task failed and is tried again", "cannot be written (File too large)");
  }

  private static List<String> shards(String store) throws IOException {
    Path place = server.file(store);
    return Files.exists(place)
        ? names(place).stream().filter(name -> name.startsWith("shard-")).toList()
        : List.of();
  }

  private static void requireStoreOfOneMachine(String store) throws IOException {
    Path actual = server.file(store);
    Path expected = folder.resolve("alone");
    assertThat(names(actual)).isEqualTo(names(expected)).hasSize(6);
    for (String name : names(expected)) {
      if (!name.equals(Manifest.FILE_NAME)) {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
  }

  private static List<String> names(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aFullDiskOfTheCacheOfOneWorkerCostsNothingButTime() throws Exception {
    store(folder.resolve("store"));
    server.put(folder.resolve("store"), "store");
    CommandProcess alone =
        SparkCluster.runLocally(folder, "spectrum", "--store", "store", "--out", "alone.json");
    assertThat(alone.status()).as(alone.err()).isZero();

    // Each process has a working folder of its own, and so a cache, as on machines of their own.
    List<String> spark = new ArrayList<>(SparkCluster.fullDisk());
    spark.addAll(server.options());
    String address = S3Server.address("store");
    String[] words = {
      "spectrum", "--store", address, "--cache", "/proc/self/cwd/cache", "--out", "full.json"
    };
    CommandProcess full = cluster.runOnInstalledLibTorch(spark, folder, words);
    assertThat(full.status()).as(full.err()).isZero();
    assertThat(folder.resolve("full.json")).hasSameBinaryContentAs(folder.resolve("alone.json"));
    assertThat(full.err())
        .contains("a task failed and is tried again")
        .containsPattern("/worker2/app-\\S+/cache: cannot be written \\(File too large\\)")
        .contains("make room, or give another folder with --cache");
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.map(Path::toString))
          .anyMatch(file -> file.matches(".*/worker1/app-.*/cache/.*\\.arrow"))
          .noneMatch(file -> file.matches(".*/worker2/app-.*/cache/.*\\.(arrow|tmp)"));
    }
  }

  private static void store(Path place) throws IOException {
    Random random = new Random(Seeds.seed());
    StoreSpec spec =
        StoreSpec.of("model", "text", List.of(new Column("layers.0.resid", WIDTH, DType.F32)))
            .withRowsPerShard(ROWS_PER_SHARD);
    int rows = SHARDS * ROWS_PER_SHARD;
    float[] values = new float[rows * WIDTH];
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) random.nextGaussian();
    }
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      writer.append(
          new int[rows], new int[rows], new int[rows], DType.F32, MemorySegment.ofArray(values));
      writer.finish();
    }
  }
}
