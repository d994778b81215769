package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.store.files.ManifestFile;
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
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Captures and spectra on a cluster on which something fails: each ends with the bytes of one on
 * which nothing does, or with one line and nothing half.
 */
@Tag("spark")
@Tag("spark-failures")
@Tag("model")
class ClusterFailuresTest {
  /** Has a spectrum at once. */
  private static final Path TINY =
      Path.of("src/test/resources/golden/model/tiny-bert").toAbsolutePath();

  /** Has rows of which few fill a shard. */
  private static final Path MODEL = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();

  private static final int SHARDS = 20;
  private static final int ROWS_PER_SHARD = 64;
  private static final int WIDTH = 256;

  /** Enough that a task's shuffle file, of 1 MB, is larger than a full disk takes. */
  private static final int HOOKS = 4;

  /** Where a byte of a value is, in a shard. */
  private static final int DAMAGED = 100_000;

  @TempDir static Path folder;
  private static SparkCluster cluster;

  /** A store and a text, and what comes of them where nothing fails. */
  @BeforeAll
  static void prepare() throws Exception {
    SparkCluster.home();
    store(folder.resolve("store"));
    String[] words = "the white whale sails over the green sea and sleeps".split(" ");
    Random random = new Random(Seeds.seed());
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      text.append(words[random.nextInt(words.length)]).append(i % 12 == 11 ? ".\n" : " ");
    }
    Files.writeString(folder.resolve("text.txt"), text);
    require(SparkCluster.runLocally(folder, spectrum("expected")));
    require(SparkCluster.runLocally(folder, texts("expected")));
    require(CommandProcess.run(folder, new String[0], capture("expected")));
    assertThat(ActivationStore.open(folder.resolve("expected")).shards().size()).isEqualTo(3);
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static String[] spectrum(String out) {
    return new String[] {"spectrum", "--store", "store", "--out", out + "-store.json"};
  }

  private static String[] texts(String out) {
    String file = out + "-texts.json";
    return words(
        List.of("spectrum", "--model", TINY.toString(), "--text", "text.txt"),
        List.of("--task-tokens", "1000", "--out", file));
  }

  private static String[] capture(String out, String... more) {
    return words(
        List.of("capture", "--model", MODEL.toString(), "--text", "text.txt", "--tokens", "4500"),
        List.of("--hooks", "layers.*.*", "--out", out),
        List.of(more));
  }

  /** A capture whose second task has the second shard. */
  private static String[] captureInTasks(String out, String... more) {
    return words(List.of(capture(out, more)), List.of("--task-tokens", "1000"));
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private static String[] words(List<String>... parts) {
    return Stream.of(parts).flatMap(List::stream).toArray(String[]::new);
  }

  @Test
  void spectraOfAStoreAreTheSameAlsoIfAWorkerDies() throws Exception {
    killInTheMiddle(SHARDS - 1, spectrum("killed"));
    requireSame("-store.json", "killed");
  }

  @Test
  void spectraOfTextsAreTheSameAlsoIfAWorkerDies() throws Exception {
    killInTheMiddle(10, texts("killed"));
    requireSame("-texts.json", "killed");
  }

  /**
   * Kills a worker and its executor when a task of it has ended, whose result is lost with it.
   *
   * @param partition a task that has not begun by then
   */
  private static void killInTheMiddle(int partition, String... options) throws Exception {
    Path go = Files.createTempDirectory(folder, "go").resolve("go");
    List<String> spark = new ArrayList<>(TaskFaults.waiting(1, partition, go));
    spark.addAll(SparkCluster.BOTH);
    CompletableFuture<CommandProcess> running = cluster.begin(spark, folder, options);
    try {
      cluster.awaitFile("127.0.0.2", "shuffle_.*\\.data");
      cluster.killWorker();
      assertThat(running).as("the command, when a worker dies").isNotDone();
    } finally {
      Files.createFile(go);
    }
    CommandProcess result = running.get(10, TimeUnit.MINUTES);
    cluster.startWorkerAgain(Map.of());
    require(result);
    assertThat(lines(result)).allMatch(line -> line.startsWith("spark: "));
  }

  @Test
  void aTaskThatFailsThreeTimesChangesNothing() throws Exception {
    CommandProcess result = run(TaskFaults.failing(3, 1, 1, shard()), spectrum("thrice"));
    require(result);
    requireSame("-store.json", "thrice");
    assertThat(lines(result)).isEmpty();
    assertThat(result.err())
        .containsOnlyOnce("spectrum: a task failed and is tried again (3 tries): ")
        .contains("shard-00001.arrow: checksum");

    result = run(TaskFaults.failing(3, 1, 1, place("thrice")), captureInTasks("thrice"));
    require(result);
    requireSameStore("thrice");
    assertThat(lines(result)).isEmpty();
  }

  @Test
  void aTaskThatRunsTwiceAtOnceChangesNothing() throws Exception {
    requireTwice("begun-store", spectrum("twice"));
    requireSame("-store.json", "twice");
    requireTwice("begun-texts", texts("twice"));
    requireSame("-texts.json", "twice");
    requireTwice("begun-capture", captureInTasks("twice"));
    requireSameStore("twice");
  }

  private static void requireTwice(String name, String... options) throws Exception {
    Path begun = folder.resolve(name);
    CommandProcess result = run(SparkCluster.runningTwice(1, 1, begun), options);
    require(result);
    assertThat(begun).exists();
    assertThat(lines(result)).isEmpty();
  }

  @Test
  void aTaskThatAlwaysFailsLeavesNothingHalf() throws Exception {
    CommandProcess result = run(TaskFaults.failing(9, 1, 1, shard()), spectrum("always"));
    new ProcessBuilder("sh", "-c", shard().getLast()).start().waitFor();
    assertThat(result.status()).isEqualTo(1);
    assertThat(lines(result))
        .singleElement()
        .asString()
        .startsWith("sluice-spark spectrum: ")
        .contains("shard-00001.arrow: checksum");
    assertThat(folder.resolve("always-store.json")).doesNotExist();

    result = run(TaskFaults.failing(9, 1, 1, place("always")), captureInTasks("always"));
    assertThat(result.status()).isEqualTo(1);
    assertThat(lines(result))
        .singleElement()
        .asString()
        .startsWith("sluice-spark capture: ")
        .contains("shard-00001.arrow");
    requireEmptyStore("always");
    // What is in the way goes, and the next capture has all of it.
    Files.delete(folder.resolve("always/shard-00001.arrow/x"));
    Files.delete(folder.resolve("always/shard-00001.arrow"));
    require(run(List.of(), captureInTasks("always", "--overwrite")));
    requireSameStore("always");
  }

  @Test
  void aFullDiskOfOneWorkerCostsNothingButTime() throws Exception {
    CommandProcess result = run(SparkCluster.fullDisk(), spectrum("full"));
    require(result);
    requireSame("-store.json", "full");
    assertThat(lines(result)).isEmpty();
    assertThat(result.err())
        .contains("a task failed and is tried again")
        .contains("executor")
        .contains("the disk of Spark's own files is full (File too large)");

    result = run(SparkCluster.fullDisk(), captureInTasks("full"));
    require(result);
    requireSameStore("full");
    assertThat(result.err()).contains("cannot be written (File too large)");
  }

  @Test
  void executorsOnProcessorsOfDifferentKindsAreRefusedUnlessAllowed() throws Exception {
    cluster.killWorker();
    cluster.startWorkerAgain(Map.of("ATEN_CPU_CAPABILITY", "default"));
    try {
      CommandProcess result = run(SparkCluster.BOTH, spectrum("mixed"));
      assertThat(result.status()).isEqualTo(1);
      assertThat(lines(result))
          .singleElement()
          .asString()
          .startsWith("sluice-spark spectrum: executor ")
          .contains(" computes with vectors of ", "LibTorch DEFAULT", "--allow-other-processors");
      assertThat(folder.resolve("mixed-store.json")).doesNotExist();
      String[] allowed = words(List.of(spectrum("mixed")), List.of("--allow-other-processors"));
      require(run(SparkCluster.BOTH, allowed));
    } finally {
      cluster.killWorker();
      cluster.startWorkerAgain(Map.of());
    }
  }

  private static CommandProcess run(List<String> spark, String... options) throws Exception {
    return cluster.runOnInstalledLibTorch(spark, folder, options);
  }

  /** Damages a shard and mends it. */
  private static List<String> shard() {
    String write =
        "printf '%s' | dd of="
            + folder.resolve("store/shard-00001.arrow")
            + " bs=1 seek="
            + DAMAGED
            + " conv=notrunc 2>/dev/null";
    return List.of(write.replace("%s", "xxxx"), write.replace("%s", original()));
  }

  private static String original() {
    try {
      byte[] all = Files.readAllBytes(folder.resolve("expected-shard"));
      StringBuilder bytes = new StringBuilder();
      for (int at = DAMAGED; at < DAMAGED + 4; at++) {
        bytes.append('\\').append(Integer.toOctalString(0x200 | all[at] & 0xff).substring(1));
      }
      return bytes.toString();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  /** Puts a folder where a shard is to be written, and removes it. */
  private static List<String> place(String out) {
    Path shard = folder.resolve(out).resolve("shard-00001.arrow");
    return List.of("mkdir -p " + shard + "/x", "rm -r " + shard);
  }

  private static void requireSame(String suffix, String name) {
    assertThat(folder.resolve(name + suffix))
        .hasSameBinaryContentAs(folder.resolve("expected" + suffix));
  }

  private static void requireSameStore(String name) throws IOException {
    Path store = folder.resolve(name);
    Path expected = folder.resolve("expected");
    assertThat(ManifestFile.read(store).complete()).isTrue();
    assertThat(ManifestFile.read(store).shards()).isEqualTo(ManifestFile.read(expected).shards());
    for (int i = 0; i < ManifestFile.read(expected).shards().size(); i++) {
      String shard = ManifestFile.read(expected).shards().get(i).file();
      assertThat(store.resolve(shard)).hasSameBinaryContentAs(expected.resolve(shard));
    }
    assertThat(store).isDirectoryNotContaining("glob:**.tmp");
  }

  private static void requireEmptyStore(String name) throws IOException {
    assertThat(ManifestFile.read(folder.resolve(name)).complete()).isFalse();
    assertThat(ActivationStore.open(folder.resolve(name)).rows()).isZero();
  }

  private static void require(CommandProcess result) {
    assertThat(result.status()).as(result.err()).isZero();
  }

  /** Lines of errors, without those of progress. */
  private static List<String> lines(CommandProcess result) {
    return result.err().lines().filter(line -> !line.matches("(spectrum|capture): .*")).toList();
  }

  private static void store(Path place) throws IOException {
    Random random = new Random(Seeds.seed());
    List<Column> columns =
        IntStream.range(0, HOOKS)
            .mapToObj(layer -> new Column("layers." + layer + ".resid", WIDTH, DType.F32))
            .toList();
    StoreSpec spec = StoreSpec.of("model", "text", columns).withRowsPerShard(ROWS_PER_SHARD);
    try (StoreWriter writer = StoreWriter.create(place, spec)) {
      MemorySegment[] values = new MemorySegment[HOOKS];
      for (int i = 0; i < HOOKS; i++) {
        float[] column = new float[SHARDS * ROWS_PER_SHARD * WIDTH];
        for (int at = 0; at < column.length; at++) {
          column[at] = (float) random.nextGaussian();
        }
        values[i] = MemorySegment.ofArray(column);
      }
      int rows = SHARDS * ROWS_PER_SHARD;
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, values);
      writer.finish();
    }
    Files.copy(place.resolve("shard-00001.arrow"), folder.resolve("expected-shard"));
  }
}
