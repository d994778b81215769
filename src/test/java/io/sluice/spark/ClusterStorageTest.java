package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stores on {@code s3a://} and {@code file://}, beside the same in a folder. */
@Tag("spark")
class ClusterStorageTest {
  private static final int SHARDS = 8;
  private static final int ROWS_PER_SHARD = 40;
  private static final List<Column> COLUMNS =
      List.of(
          new Column("layers.0.attn_out", 24, DType.F32),
          new Column("layers.1.mlp_out", 33, DType.BF16));

  @TempDir static Path folder;
  private static S3Server server;

  @BeforeAll
  static void start() throws Exception {
    SparkCluster.home();
    server = S3Server.start(Files.createDirectory(folder.resolve("server")));
    store(folder.resolve("store"));
    server.put(folder.resolve("store"), "store");
  }

  @AfterAll
  static void stop() {
    if (server != null) {
      server.close();
    }
  }

  private static void store(Path place) throws IOException {
    Random random = new Random(Seeds.seed());
    StoreSpec spec = StoreSpec.of("model", "text", COLUMNS).withRowsPerShard(ROWS_PER_SHARD);
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      int rows = SHARDS * ROWS_PER_SHARD;
      MemorySegment[] values = new MemorySegment[COLUMNS.size()];
      for (int i = 0; i < values.length; i++) {
        float[] column = new float[rows * COLUMNS.get(i).width()];
        for (int at = 0; at < column.length; at++) {
          column[at] = (float) random.nextGaussian(1, 2);
        }
        values[i] = MemorySegment.ofArray(column);
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, values);
      writer.finish();
    }
  }

  private static String[] spectrum(String store, String out, String... more) {
    List<String> words = new ArrayList<>(List.of("spectrum", "--store", store));
    words.addAll(List.of("--out", out + ".json", "--stats", out + ".safetensors"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private static void requireSame(String name) {
    assertThat(folder.resolve(name + ".json")).hasSameBinaryContentAs(folder.resolve("plain.json"));
    assertThat(folder.resolve(name + ".safetensors"))
        .hasSameBinaryContentAs(folder.resolve("plain.safetensors"));
  }

  private static long bytes(Path cache) throws IOException {
    try (Stream<Path> files = Files.walk(cache)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> !file.toString().endsWith(".use"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  @Test
  void spectraOfStoresElsewhereHaveTheBitsOfTheStoreInAFolder() throws Exception {
    success(SparkCluster.runLocally(folder, spectrum("store", "plain")));

    // Both executors share a cache with room for a few shards.
    Path cache = folder.resolve("shared-cache");
    String[] small = {"--cache", cache.toString(), "--cache-size", "40K"};
    try (SparkCluster cluster =
        SparkCluster.start(
            Files.createDirectory(folder.resolve("cluster")),
            Path.of(System.getProperty("java.home")))) {
      success(
          cluster.runWith(
              server.options(), folder, spectrum(S3Server.address("store"), "s3", small)));
    }
    requireSame("s3");
    assertThat(bytes(cache)).isBetween(10_000L, 40_000L);

    Path whole = folder.resolve("whole-cache");
    String file = folder.resolve("store").toUri().toString();
    success(
        SparkCluster.runLocally(
            folder, spectrum(file, "file", "--cache", whole.toString(), "--copy")));
    requireSame("file");
    assertThat(file).startsWith("file:///");

    // What is in the cache is not fetched again, and a damaged copy is.
    try (Stream<Path> copies = Files.walk(whole)) {
      Path copy = copies.filter(path -> path.endsWith("shard-00003.arrow")).findFirst().get();
      flip(copy);
      success(
          SparkCluster.runLocally(folder, spectrum(file, "again", "--cache", whole.toString())));
      requireSame("again");
      assertThat(copy).hasSameBinaryContentAs(folder.resolve("store").resolve("shard-00003.arrow"));
    }
  }

  @Test
  void anEvaluationOnAStoreElsewhereIsThatOfOneMachine() throws Exception {
    ActivationStore store = ActivationStore.open(folder.resolve("store"));
    TrainingConfig config =
        TrainingConfig.of("layers.0.attn_out")
            .features(32)
            .k(4)
            .batch(64)
            .steps(5)
            .fromPosition(0)
            .heldOut(0)
            .build();
    Path run = folder.resolve("run");
    try (Trainer trainer =
        Trainer.start(store, config, EngineFactory.vector(Workers.of(1)), "test", run)) {
      trainer.run(TrainingListener.NONE);
    }
    String[] here = evaluate("store", "here.json");
    success(CommandProcess.run(folder, new String[0], here));
    Path cache = folder.resolve("evaluation-cache");
    String[] there = evaluate(S3Server.address("store"), "there.json", "--cache", cache.toString());
    try (SparkCluster cluster =
        SparkCluster.start(
            Files.createDirectory(folder.resolve("evaluators")),
            Path.of(System.getProperty("java.home")))) {
      success(cluster.runWith(server.options(), folder, there));
    }
    assertThat(folder.resolve("there.json")).hasSameBinaryContentAs(folder.resolve("here.json"));

    String[] small =
        evaluate(S3Server.address("store"), "small.json", "--cache-size", "40K", "--cache");
    String[] words = Arrays.copyOf(small, small.length + 1);
    words[small.length] = folder.resolve("too-small").toString();
    assertThat(line(SparkCluster.runLocallyWith(server.options(), folder, words), "evaluate"))
        .contains("--cache-size");
  }

  private static String[] evaluate(String store, String out, String... more) {
    List<String> words = new ArrayList<>(List.of("evaluate", "--dictionary", "run"));
    words.addAll(List.of("--store", store, "--out", out, "--from-position", "0"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private static void flip(Path file) throws IOException {
    try (FileChannel shard =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      shard.read(one, shard.size() / 2);
      shard.write(ByteBuffer.wrap(new byte[] {(byte) ~one.get(0)}), shard.size() / 2);
    }
  }

  @Test
  void whatIsWrongElsewhereIsOneLine() throws Exception {
    server.put(folder.resolve("store"), "bad");
    flip(server.file("bad/shard-00005.arrow"));
    assertThat(error(server.options(), "bad"))
        .startsWith(S3Server.address("bad/shard-00005.arrow") + ": checksum is ");
    Files.delete(server.file("bad/shard-00005.arrow"));
    assertThat(error(server.options(), "bad"))
        .startsWith(S3Server.address("bad/shard-00005.arrow") + ": missing, though");
    assertThat(error(server.options("wrong"), "bad"))
        .startsWith(S3Server.address("bad/.manifest.json") + ": cannot be read (access is denied")
        .contains("spark.hadoop.fs.s3a.access.key");
    assertThat(error(server.options(), "nothing"))
        .startsWith(S3Server.address("nothing") + ": no .manifest.json in it");
    assertThat(error(List.of(), "bad"))
        .startsWith(S3Server.address("bad") + ": cannot be opened (Spark has no file system for it")
        .contains("--packages org.apache.hadoop:hadoop-aws:3.5.0");
  }

  @Tag("spark-failures")
  @Test
  void aServerThatDiesIsNamed() throws Exception {
    try (S3Server own = S3Server.start(Files.createDirectory(folder.resolve("dying")));
        WatchService watch = folder.getFileSystem().newWatchService()) {
      own.put(folder.resolve("store"), "store");
      Path cache = Files.createDirectory(folder.resolve("dying-cache"));
      cache.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
      CompletableFuture<String> error =
          later(() -> error(own.options(), "store", "--cache", cache.toString()));
      // The driver has the manifest, and Spark starts.
      await(watch, "store-", 1);
      own.kill();
      assertThat(error.get(3, TimeUnit.MINUTES))
          .startsWith("s3a://bucket/store/")
          .contains("cannot be read (its server does not answer");
    }
  }

  /** The one line of a spectrum's error, without the name of the program. */
  private static String error(List<String> spark, String store, String... more) throws Exception {
    List<String> words = new ArrayList<>(List.of("spectrum", "--store", S3Server.address(store)));
    words.addAll(
        more.length > 0
            ? List.of(more)
            : List.of("--cache", folder.resolve("error-cache").toString()));
    return line(
        SparkCluster.runLocallyWith(spark, folder, words.toArray(String[]::new)), "spectrum");
  }

  private static String line(CommandProcess result, String command) {
    assertThat(result.status()).as(result.err()).isEqualTo(1);
    List<String> lines =
        result.err().lines().filter(line -> !line.startsWith(command + ": ")).toList();
    assertThat(lines).as(result.err()).hasSize(1);
    String start = "sluice-spark " + command + ": ";
    assertThat(lines.getFirst()).startsWith(start);
    return lines.getFirst().substring(start.length());
  }

  private static void success(CommandProcess result) {
    assertThat(result.status()).as(result.err()).isZero();
  }

  private interface Work<T> {
    T run() throws Exception;
  }

  private static <T> CompletableFuture<T> later(Work<T> work) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return work.run();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }

  /** Returns when some files or folders have appeared whose names begin so. */
  private static void await(WatchService watch, String prefix, int times)
      throws InterruptedException {
    for (int seen = 0; seen < times; ) {
      WatchKey key = watch.poll(3, TimeUnit.MINUTES);
      assertThat(key).as("within three minutes").isNotNull();
      seen +=
          (int)
              key.pollEvents().stream()
                  .filter(event -> event.context().toString().startsWith(prefix))
                  .count();
      key.reset();
    }
  }

  private static String[] capture(String out, String... more) {
    Path model = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();
    List<String> words = new ArrayList<>(List.of("capture", "--model", model.toString()));
    words.addAll(List.of("--text", "novel.txt", "--hooks", "layers.*.*", "--tokens", "4200"));
    words.addAll(List.of("--out", out));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  @Tag("spark-failures")
  @Test
  @Tag("model")
  void aStoreWrittenElsewhereIsThatOfOneMachineAlsoIfAWorkerDies() throws Exception {
    String novel = Files.readString(Path.of("datasets/moby-dick.txt").toAbsolutePath());
    Files.writeString(folder.resolve("novel.txt"), novel.substring(20_000, 50_000));
    success(CommandProcess.run(folder, new String[0], capture("single")));

    Path cache = folder.resolve("capture-cache");
    Path writing = Files.createDirectories(cache.resolve("writing"));
    String address = S3Server.address("captured");
    try (SparkCluster cluster =
            SparkCluster.start(
                Files.createDirectory(folder.resolve("workers")),
                Path.of(System.getProperty("java.home")));
        WatchService watch = folder.getFileSystem().newWatchService()) {
      writing.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
      String[] words = capture(address, "--task-tokens", "1000", "--cache", cache.toString());
      CompletableFuture<CommandProcess> running =
          later(() -> cluster.runWith(server.options(), folder, words));
      // The driver's folder and those of two tasks.
      await(watch, "", 3);
      cluster.killWorker();
      success(running.get(10, TimeUnit.MINUTES));
    }
    requireStoreOfOneMachine(server.file("captured"));
    // The next task has deleted what the killed one left.
    assertThat(writing).isEmptyDirectory();
    assertThat(
            line(
                SparkCluster.runLocallyWith(server.options(), folder, capture(address)), "capture"))
        .startsWith(address + ": already holds an activation store; ");

    Path leftover = Files.createDirectory(folder.resolve("leftover"));
    Files.writeString(leftover.resolve("shard-00000.arrow.0123456789abcdef.tmp"), "x");
    Files.writeString(leftover.resolve("shard-00007.arrow"), "x");
    String file = leftover.toUri().toString();
    assertThat(line(SparkCluster.runLocally(folder, capture(file)), "capture"))
        .contains(": holds shards of a capture that did not end; ", "--overwrite");
    success(
        SparkCluster.runLocally(folder, capture(file, "--overwrite", "--cache", cache.toString())));
    requireStoreOfOneMachine(leftover);
    Files.writeString(leftover.resolve("notes.txt"), "x");
    assertThat(line(SparkCluster.runLocally(folder, capture(file, "--overwrite")), "capture"))
        .contains(": holds notes.txt, which is no part of an activation store");
  }

  private static void requireStoreOfOneMachine(Path actual) throws IOException {
    Path expected = folder.resolve("single");
    assertThat(names(actual)).isEqualTo(names(expected)).hasSize(6);
    for (String name : names(expected)) {
      if (!name.equals(".manifest.json")) {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
  }

  private static List<String> names(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
