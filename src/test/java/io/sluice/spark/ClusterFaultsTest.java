package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.TopK;
import io.sluice.memory.DType;
import io.sluice.testing.Seeds;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Evaluations, features and sweeps on a cluster on which tasks fail: each ends with the bytes of
 * one machine, or with one line and nothing half.
 */
@Tag("spark")
@Tag("spark-failures")
class ClusterFaultsTest {
  /** A value of the second shard, which the task that fails compares and alone reads. */
  private static final int DAMAGED = 150_000;

  private static final String SHARD = "shard-00001.arrow";
  private static final String[] CELLS = {
    "init=random,seed=0", "init=random,seed=1", "init=asi,seed=0", "init=asi,seed=1"
  };

  @TempDir static Path folder;
  private static SparkCluster cluster;

  /** A command. */
  private enum Work {
    EVALUATE(1, 0),
    FEATURES(1, 1),
    SWEEP(2, 1);

    /** The stage after that which asks for kernels; of a sweep, after that of checksums. */
    final int stage;

    /** A task of it: the first sums all of the store's rows. */
    final int partition;

    Work(int stage, int partition) {
      this.stage = stage;
      this.partition = partition;
    }

    String command() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }

    String[] words(String out) {
      List<String> words = new ArrayList<>(List.of(command()));
      if (this != SWEEP) {
        words.addAll(List.of("--dictionary", command() + "d", "--store", "store"));
        words.addAll(List.of("--batch", "100", "--out", out(out)));
      } else {
        words.addAll(List.of("--store", folder.resolve("small").toString()));
        words.addAll(List.of("--hook", SyntheticStore.HOOK, "--batch", "64"));
        words.addAll(List.of("--vary", "init=random,asi", "--vary", "seed=0,1", "--vary", "k=4"));
        words.addAll(List.of("--vary", "features=1024", "--steps", "120"));
        words.addAll(List.of("--checkpoint-every", "40", "--out", out(out)));
      }
      return words.toArray(String[]::new);
    }

    /** The same after it has failed. */
    String[] again(String out) {
      return this == SWEEP ? new String[] {"sweep", "--resume", "--out", out(out)} : words(out);
    }

    private String out(String out) {
      return this == EVALUATE ? out + "-evaluate.json" : out + "-" + command();
    }

    Path result(String out) {
      return folder.resolve(out(out));
    }

    void requireSame(String out) throws IOException {
      Path expected = result("alone");
      Path actual = result(out);
      switch (this) {
        case EVALUATE -> {
          for (String file : List.of(".json", ".features.arrow", ".positions.arrow")) {
            assertThat(beside(actual, file)).hasSameBinaryContentAs(beside(expected, file));
          }
        }
        case FEATURES -> {
          assertThat(names(actual)).isEqualTo(names(expected)).contains("contexts.arrow");
          for (String file : names(expected)) {
            assertThat(actual.resolve(file)).hasSameBinaryContentAs(expected.resolve(file));
          }
        }
        case SWEEP -> ClusterSweepTest.requireSame(actual, expected, CELLS);
      }
      assertThat(leftovers(actual)).isEmpty();
    }

    private static Path beside(Path json, String ending) {
      return json.resolveSibling(json.getFileName().toString().replace(".json", ending));
    }

    /** Requires that nothing of the results is there, or of a sweep no end and nothing half. */
    void requireUnfinished(String out) throws IOException {
      Path place = result(out);
      if (this == SWEEP) {
        assertThat(place.resolve("sweep.json")).exists();
        assertThat(place.resolve("stability.json")).doesNotExist();
      } else {
        try (Stream<Path> files = Files.list(folder)) {
          assertThat(files.map(file -> file.getFileName().toString()))
              .noneMatch(name -> name.contains(out + "-" + command()));
        }
      }
      assertThat(leftovers(place)).isEmpty();
    }

    private static List<String> leftovers(Path place) throws IOException {
      if (!Files.isDirectory(place)) {
        return List.of();
      }
      try (Stream<Path> files = Files.walk(place)) {
        return files.map(Path::toString).filter(name -> name.endsWith(".tmp")).toList();
      }
    }

    /** Puts something in the way of the task, and removes it. */
    List<String> fault(String out) throws IOException {
      if (this == SWEEP) {
        Path cell = result(out).resolve("cells").resolve(CELLS[1]);
        return List.of("mkdir -p " + cell.getParent() + "; echo x > " + cell, "rm -f " + cell);
      }
      Path shard = folder.resolve("store").resolve(SHARD);
      String write = "printf '%s' | dd of=" + shard + " bs=1 seek=" + DAMAGED;
      write += " conv=notrunc 2>/dev/null";
      ByteBuffer bytes = ByteBuffer.allocate(4);
      try (FileChannel channel = FileChannel.open(folder.resolve("original"))) {
        channel.read(bytes, DAMAGED);
      }
      StringBuilder original = new StringBuilder();
      for (byte each : bytes.array()) {
        original.append('\\').append(Integer.toOctalString(0x200 | each & 0xff).substring(1));
      }
      return List.of(write.replace("%s", "xxxx"), write.replace("%s", original));
    }

    /** What the error names. */
    String complaint() {
      return this == SWEEP ? CELLS[1] : SHARD + ": checksum";
    }
  }

  private static List<String> names(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @BeforeAll
  static void prepare() throws Exception {
    SparkCluster.home();
    ClusterStore made = new ClusterStore(Seeds.seed());
    made.write(folder.resolve("store"), 30_000);
    Files.copy(folder.resolve("store").resolve(SHARD), folder.resolve("original"));
    // Counts of firings of a task are larger than what a full disk takes, and so are codes.
    made.dictionary(
        folder.resolve("evaluated"), ClusterStore.SITES.subList(0, 1), 40_000, new TopK(5));
    made.dictionary(
        folder.resolve("featuresd"), ClusterStore.SITES.subList(0, 1), 2000, new TopK(10));
    SyntheticStore.write(folder.resolve("small"), 3500, DType.F32, 3);
    for (Work work : Work.values()) {
      require(CommandProcess.run(folder, new String[0], work.words("alone")));
    }
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static CommandProcess run(List<String> spark, String... options) throws Exception {
    return cluster.runOnInstalledLibTorch(spark, folder, options);
  }

  @EnumSource
  @ParameterizedTest
  void aTaskThatFailsThreeTimesChangesNothing(Work work) throws Exception {
    List<String> faults = TaskFaults.failing(3, work.stage, work.partition, work.fault("thrice"));
    CommandProcess result = run(faults, work.words("thrice"));
    require(result);
    work.requireSame("thrice");
    assertThat(lines(result)).isEmpty();
    assertThat(result.err())
        .containsOnlyOnce("a task failed and is tried again (3 tries): ")
        .containsOnlyOnce(work.complaint());
  }

  /** A sweep has no such tasks. */
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SWEEP")
  @ParameterizedTest
  void aTaskThatRunsTwiceAtOnceChangesNothing(Work work) throws Exception {
    Path begun = folder.resolve("begun-" + work.command());
    CommandProcess result =
        run(SparkCluster.runningTwice(work.stage, work.partition, begun), work.words("twice"));
    require(result);
    assertThat(begun).exists();
    work.requireSame("twice");
    assertThat(lines(result)).isEmpty();
  }

  @EnumSource
  @ParameterizedTest
  void aTaskThatAlwaysFailsIsOneLineAndLeavesNothingHalf(Work work) throws Exception {
    List<String> fault = work.fault("always");
    CommandProcess result =
        run(TaskFaults.failing(9, work.stage, work.partition, fault), work.words("always"));
    assertThat(new ProcessBuilder("sh", "-c", fault.getLast()).start().waitFor()).isZero();
    assertThat(result.status()).isEqualTo(1);
    assertThat(lines(result))
        .singleElement()
        .asString()
        .startsWith("sluice-spark " + work.command() + ": ")
        .contains(work.complaint());
    assertThat(result.err()).containsOnlyOnce(work.complaint());
    work.requireUnfinished("always");

    require(run(List.of(), work.again("always")));
    work.requireSame("always");
  }

  @EnumSource
  @ParameterizedTest
  void aFullDiskOfOneWorkerCostsNothingButTime(Work work) throws Exception {
    CommandProcess result = run(SparkCluster.fullDisk(), work.words("full"));
    require(result);
    work.requireSame("full");
    assertThat(lines(result)).isEmpty();
    assertThat(result.err())
        .contains("a task failed and is tried again", "File too large")
        .contains(
            work == Work.SWEEP ? "cannot be written" : "the disk of Spark's own files is full");
  }

  private static void require(CommandProcess result) {
    assertThat(result.status()).as(result.err()).isZero();
  }

  /** Lines of errors, without those of progress. */
  private static List<String> lines(CommandProcess result) {
    return result
        .err()
        .lines()
        .filter(line -> !line.matches("(evaluate|features|encode|similar|describe|sweep): .*"))
        .toList();
  }
}
