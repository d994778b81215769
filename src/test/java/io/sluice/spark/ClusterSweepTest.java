package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.CommandProcess;
import io.sluice.memory.DType;
import io.sluice.training.SyntheticStore;
import io.sluice.training.TrainerTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark sweep} on a cluster and in one process, beside {@code bin/sluice}. */
@Tag("spark")
class ClusterSweepTest {
  private static final String[] CELLS = {
    "init=random,seed=0", "init=random,seed=1", "init=asi,seed=0", "init=asi,seed=1"
  };

  /** What two machines must not be given: their cells take seconds. */
  private static final String[] LONG = {
    "--vary", "init=random,asi", "--vary", "seed=0,1", "--vary", "features=512", "--vary", "k=4",
    "--batch", "256", "--steps", "2500", "--checkpoint-every", "250", "--log-every", "100"
  };

  @TempDir static Path folder;
  private static SparkCluster cluster;
  private static CommandProcess single;

  @BeforeAll
  static void start() throws Exception {
    SparkCluster.home();
    SyntheticStore.write(folder.resolve("store"), 3500, DType.F32, 3);
    single = CommandProcess.run(folder, new String[0], sweep("single", LONG, "--threads", "1"));
    assertThat(single.status()).as(single.err()).isZero();
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static String[] sweep(String out, String[] grid, String... more) {
    List<String> words = new ArrayList<>(List.of("sweep", "--hook", SyntheticStore.HOOK));
    words.addAll(List.of("--store", folder.resolve("store").toString(), "--out", out));
    words.addAll(List.of(grid));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private static String[] resume(String out) {
    return new String[] {"sweep", "--resume", "--out", out};
  }

  @Test
  void theFilesAreThoseOfOneMachineAlsoIfAWorkerDies() throws Exception {
    Path out = folder.resolve("many");
    Path errors = folder.resolve("many.err");
    Process driver = cluster.startDriver(List.of(), folder, errors, sweep("many", LONG));
    awaitCheckpoints(out, driver);
    assertThat(cluster.executors()).isNotEmpty();
    cluster.killWorker();
    assertThat(driver.waitFor(4, TimeUnit.MINUTES)).isTrue();
    cluster.startWorkerAgain(Map.of());
    assertThat(driver.exitValue()).as(Files.readString(errors)).isZero();
    requireSame(out, folder.resolve("single"), CELLS);
    // The table, which needs no cluster any more.
    CommandProcess table = cluster.run(folder, resume("many"));
    assertThat(table.status()).as(table.err()).isZero();
    assertThat(untimed(table.out(), "many")).isEqualTo(untimed(single.out(), "single"));
  }

  @Tag("spark-failures")
  @Test
  void aCellThatALostExecutorStillTrainsIsLeftToIt() throws Exception {
    Path out = folder.resolve("lost");
    Path errors = folder.resolve("lost.err");
    List<String> impatient =
        Stream.of(
                "spark.executor.heartbeatInterval=1s",
                "spark.network.timeoutInterval=1s",
                "spark.network.timeout=4s")
            .flatMap(setting -> Stream.of("--conf", setting))
            .toList();
    Process driver = cluster.startDriver(impatient, folder, errors, sweep("lost", LONG));
    awaitCheckpoints(out, driver);
    List<ProcessHandle> stopped = cluster.executors();
    for (ProcessHandle executor : stopped) {
      signal("STOP", executor);
    }
    // By now Spark has lost it and given its cell to another; it knows nothing of it.
    await(() -> Files.exists(out.resolve("cells").resolve(CELLS[3]).resolve("run.json")), driver);
    for (ProcessHandle executor : stopped) {
      signal("CONT", executor);
    }
    assertThat(driver.waitFor(4, TimeUnit.MINUTES)).isTrue();
    assertThat(driver.exitValue()).as(Files.readString(errors)).isZero();
    requireSame(out, folder.resolve("single"), CELLS);
  }

  @Tag("spark-failures")
  @Test
  void aKilledDriverIsResumedThereAndHere() throws Exception {
    Path out = folder.resolve("killed");
    Path errors = folder.resolve("killed.err");
    Process driver = cluster.startDriver(List.of(), folder, errors, sweep("killed", LONG));
    awaitCheckpoints(out, driver);
    driver.destroyForcibly().waitFor();

    // Its executors may still train; the new ones wait for them.
    Process second = cluster.startDriver(List.of(), folder, errors, resume("killed"));
    await(() -> checkpoints(out).anyMatch(step -> step >= 1000), second);
    second.destroy();
    assertThat(second.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(second.exitValue()).isEqualTo(143);
    assertThat(lines(Files.readString(errors)))
        .singleElement()
        .asString()
        .isEqualTo(
            "sluice-spark sweep: stopped, with checkpoints of the cells in training; continue with"
                + " 'sluice-spark sweep --resume --out killed'");
    assertThat(checkpoints(out))
        .as("a checkpoint that only the signal asked for")
        .anyMatch(step -> step % 250 != 0);

    Path damaged = damaged(out);
    List<String> three = List.of("--conf", "spark.task.maxFailures=3");
    CommandProcess failed = cluster.runWith(three, folder, resume("damaged"));
    assertThat(failed.status()).isEqualTo(1);
    assertThat(lines(failed.err()))
        .singleElement()
        .asString()
        .startsWith("sluice-spark sweep: " + damaged)
        .contains("or delete it");

    CommandProcess end = CommandProcess.run(folder, new String[0], resume("killed"));
    assertThat(end.status()).as(end.err()).isZero();
    requireSame(out, folder.resolve("single"), CELLS);
  }

  /** A copy of a sweep with a byte changed in the newest checkpoint of a cell; that file. */
  private static Path damaged(Path sweep) throws IOException {
    Path copy = folder.resolve("damaged");
    Path newest = null;
    try (Stream<Path> files = Files.walk(sweep)) {
      for (Path file : (Iterable<Path>) files.sorted()::iterator) {
        Path place = copy.resolve(sweep.relativize(file));
        Files.copy(file, place, StandardCopyOption.REPLACE_EXISTING);
        if (file.getFileName().toString().startsWith("checkpoint-")
            && (newest == null
                || file.getParent().equals(sweep.resolve(copy.relativize(newest)).getParent()))) {
          newest = place;
        }
      }
    }
    byte[] bytes = Files.readAllBytes(newest);
    bytes[bytes.length / 2] ^= 0x10;
    Files.write(newest, bytes);
    return newest;
  }

  @Tag("spark-failures")
  @Test
  void whatOneMachineBeganIsContinued() throws Exception {
    Path out = folder.resolve("begun");
    List<String> command = new ArrayList<>();
    command.add(Path.of("bin/sluice").toAbsolutePath().toString());
    command.addAll(List.of(sweep("begun", LONG, "--memory", "20M")));
    Process begun =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    awaitCheckpoints(out, begun);
    begun.destroyForcibly().waitFor();
    CommandProcess end = cluster.run(folder, resume("begun"));
    assertThat(end.status()).as(end.err()).isZero();
    requireSame(out, folder.resolve("single"), CELLS);
    assertThat(untimed(end.out(), "begun")).isEqualTo(untimed(single.out(), "single"));
  }

  @Test
  void wideRunsHaveTheBitsOfAsManyThreads() throws Exception {
    String[] grid = {
      "--vary",
      "init=random,asi",
      "--vary",
      "features=64",
      "--vary",
      "k=4",
      "--batch",
      "64",
      "--steps",
      "60",
      "--engine",
      "torch",
      "--no-verify"
    };
    CommandProcess alone =
        CommandProcess.run(folder, new String[0], sweep("narrow", grid, "--threads", "2"));
    assertThat(alone.status()).as(alone.err()).isZero();
    CommandProcess wide =
        SparkCluster.runLocally(folder, sweep("wide", grid, "--cores-per-run", "2"));
    assertThat(wide.status()).as(wide.err()).isZero();
    requireSame(folder.resolve("wide"), folder.resolve("narrow"), "init=random", "init=asi");
  }

  @Test
  void aCellThatDivergesIsNamedAndTheOthersAreTrained() throws Exception {
    String[] grid = {
      "--vary",
      "lr=0.001,1e30",
      "--vary",
      "features=64",
      "--vary",
      "k=4",
      "--batch",
      "64",
      "--steps",
      "60",
      "--json"
    };
    CommandProcess result = SparkCluster.runLocally(folder, sweep("diverged", grid));
    assertThat(result.status()).isEqualTo(1);
    assertThat(lines(result.err())).singleElement().asString().startsWith("sluice: cell lr=1e30: ");
    var json = new ObjectMapper().readTree(result.out());
    assertThat(json.at("/cells/0/result/steps").asInt()).isEqualTo(60);
    assertThat(json.at("/cells/1/failure").asText()).contains("try a lower learning rate");
    // As if a model ran in place of the store.
    Path file = folder.resolve("diverged/sweep.json");
    String streamed =
        Files.readString(file).replaceFirst("\"store\" : \"[^\"]*\"", "\"stream\" : \"s\"");
    Files.writeString(file, streamed);
    CommandProcess refused = SparkCluster.runLocally(folder, resume("diverged"));
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err())
        .contains("diverged: is a sweep while a model runs", "'sluice sweep --resume'")
        .hasLineCount(1);
  }

  @Test
  void whatHasNoMeaningOnAClusterIsRefusedByName() throws Exception {
    for (String option : List.of("--threads=2", "--memory=1G", "--cores-per-run=0")) {
      CommandProcess result = SparkCluster.runLocally(folder, sweep("none", LONG, option));
      assertThat(result.status()).as(result.err()).isEqualTo(2);
      assertThat(result.err().lines()).hasSize(1);
      assertThat(result.err())
          .startsWith("sluice-spark sweep: " + option.substring(0, option.indexOf('=')));
    }
    CommandProcess wide = SparkCluster.runLocally(folder, sweep("none", LONG, "--cores-per-run=3"));
    assertThat(wide.status()).as(wide.err()).isEqualTo(2);
    assertThat(wide.err()).contains("takes 3 cores and --master is local[2]").hasLineCount(1);
    List<String> few = List.of("--conf", "spark.executor.cores=2");
    CommandProcess narrow = cluster.runWith(few, folder, sweep("none", LONG, "--cores-per-run=4"));
    assertThat(narrow.status()).isEqualTo(2);
    assertThat(narrow.err())
        .contains("takes 4 cores and spark.executor.cores is 2")
        .hasLineCount(1);
    assertThat(folder.resolve("none")).doesNotExist();
  }

  private static void signal(String name, ProcessHandle process) throws Exception {
    String pid = Long.toString(process.pid());
    assertThat(new ProcessBuilder("kill", "-" + name, pid).start().waitFor()).isZero();
  }

  /** Returns when cells are trained, and have checkpoints behind the start. */
  private static void awaitCheckpoints(Path sweep, Process process) {
    await(() -> checkpoints(sweep).anyMatch(step -> step > 0), process);
  }

  static void await(BooleanSupplier condition, Process process) {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(3);
    while (!condition.getAsBoolean()) {
      assertThat(process.isAlive()).as("the process has ended before").isTrue();
      assertThat(System.nanoTime()).as("waited for three minutes").isLessThan(end);
      LockSupport.parkNanos(20_000_000);
    }
  }

  /** The steps of all checkpoints in a sweep. */
  private static Stream<Integer> checkpoints(Path sweep) {
    return checkpoints(sweep, CELLS);
  }

  static Stream<Integer> checkpoints(Path sweep, String... cells) {
    List<Integer> steps = new ArrayList<>();
    for (String cell : cells) {
      String[] names = sweep.resolve("cells").resolve(cell).toFile().list();
      for (String name : names == null ? new String[0] : names) {
        if (name.matches("checkpoint-\\d+\\.safetensors")) {
          steps.add(Integer.parseInt(name.replaceAll("\\D", "")));
        }
      }
    }
    return steps.stream();
  }

  /** Lines of errors, without those of progress. */
  static List<String> lines(String errors) {
    return errors.lines().filter(line -> !line.startsWith("sweep: ")).toList();
  }

  /** A table without the last column and the folder, which differ. */
  static String untimed(String table, String out) {
    return table
        .replaceAll("(?m) +[0-9,]+$", "")
        .replaceAll("(?m) +tokens/s$", "")
        .replace("Runs are in " + out + "/", "Runs are in ");
  }

  /** Requires that a sweep has the files of another, but for times. */
  static void requireSame(Path actual, Path expected, String... cells) throws IOException {
    requireSame(actual, expected, text -> text, cells);
  }

  /**
   * Compares two sweeps.
   *
   * @param renamed how texts of the first that name its store would name the other's
   */
  static void requireSame(
      Path actual, Path expected, UnaryOperator<String> renamed, String... cells)
      throws IOException {
    for (String name : List.of("sweep.json", "stability.json")) {
      if (Files.exists(expected.resolve(name))) {
        assertThat(renamed.apply(Files.readString(actual.resolve(name))))
            .isEqualTo(Files.readString(expected.resolve(name)));
      }
    }
    for (String cell : cells) {
      Path one = actual.resolve("cells").resolve(cell);
      Path other = expected.resolve("cells").resolve(cell);
      assertThat(names(one)).as(cell).isEqualTo(names(other));
      for (String name : List.of("dictionary.safetensors", "dictionary.json")) {
        assertThat(one.resolve(name)).hasSameBinaryContentAs(other.resolve(name));
      }
      assertThat(TrainerTest.untimed(one)).isEqualTo(TrainerTest.untimed(other));
      assertThat(description(one, renamed)).isEqualTo(description(other, text -> text));
    }
  }

  /** A {@code run.json} without what depends on the clock. */
  private static ObjectNode description(Path run, UnaryOperator<String> renamed)
      throws IOException {
    String text = renamed.apply(Files.readString(run.resolve("run.json")));
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(text);
    ((ObjectNode) json.get("result")).remove(List.of("seconds", "tokensPerSecond"));
    return json;
  }

  private static List<String> names(Path run) throws IOException {
    try (Stream<Path> files = Files.list(run)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
