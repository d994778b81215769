package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark} on YARN, with stores on HDFS and in folders. */
@Tag("spark")
@Tag("spark-failures")
@Tag("model")
class ClusterYarnTest {
  private static final Path MODEL = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();

  /** What an executor holds with this is more than YARN gives it, until its container is killed. */
  private static final String TOO_MUCH =
      "head -c 1000000000 /dev/zero | tail -c 1000000000 | sleep 30";

  @TempDir static Path folder;
  private static YarnCluster yarn;

  @BeforeAll
  static void start() throws Exception {
    SparkCluster.home();
    yarn = YarnCluster.start(Files.createDirectory(folder.resolve("yarn")));
    Files.writeString(
        folder.resolve("text.txt"),
        "The white whale of the sea sleeps, and sails away. ".repeat(400));
    require(CommandProcess.run(folder, new String[0], capture("single")));
  }

  @AfterAll
  static void stop() {
    if (yarn != null) {
      yarn.close();
    }
  }

  private static String[] capture(String out, String... more) {
    List<String> words = new ArrayList<>(List.of("capture", "--model", MODEL.toString()));
    words.addAll(List.of("--text", "text.txt", "--hooks", "layers.*.*", "--tokens", "2300"));
    words.addAll(List.of("--out", out));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  private static String[] spectrum(String store, String out) {
    return new String[] {
      "spectrum", "--store", store, "--hooks", "layers.*.resid", "--out", out, "--cache", "cache"
    };
  }

  @Test
  void aStoreOnHdfsIsThatOfOneMachineAlsoIfAContainerIsKilled() throws Exception {
    String store = yarn.address("folder/captured");
    // What runs the task with the second shard is killed when it begins.
    List<String> killed = TaskFaults.failing(1, 1, 1, List.of("kill -9 $PPID", ":"));
    CommandProcess result =
        yarn.runWith(
            Path.of(System.getProperty("java.home")),
            killed,
            folder,
            capture(store, "--task-tokens", "1000", "--cache", "cache"));
    require(result);
    assertThat(result.err()).contains("capture: 2/2 tasks");
    assertThat(result.err()).contains("spark: Lost executor ");
    Path copy = folder.resolve("copied");
    yarn.copy(store, copy);
    ClusterTextsTest.requireSame(copy, folder.resolve("single"));

    require(yarn.run(folder, spectrum(store, "elsewhere.json")));
    require(SparkCluster.runLocally(folder, spectrum("single", "expected.json")));
    assertThat(folder.resolve("elsewhere.json"))
        .hasSameBinaryContentAs(folder.resolve("expected.json"));
  }

  @Test
  void executorsOnTheJdkOfYarnAreNamed() throws Exception {
    Path old = YarnCluster.olderJdk().orElse(null);
    Assumptions.assumeTrue(old != null, "no JDK 17 or 21 in /usr/lib/jvm");
    CommandProcess result = yarn.runWith(old, List.of(), folder, spectrum("single", "no"));
    assertThat(error(result))
        .startsWith("an executor runs on Java ")
        .contains("22 or newer", "spark.executorEnv.JAVA_HOME");
  }

  @Test
  void aContainerThatTakesTooMuchMemoryIsNamedAndTheWorkGoesOn() throws Exception {
    require(SparkCluster.runLocally(folder, spectrum("single", "of-folder.json")));
    List<String> spark = new ArrayList<>(TaskFaults.failing(1, 1, 1, List.of(TOO_MUCH, ":")));
    spark.addAll(List.of("--conf", "spark.executor.memoryOverhead=400m"));
    CommandProcess result =
        yarn.runWith(
            Path.of(System.getProperty("java.home")),
            spark,
            folder,
            spectrum("single", "much.json"));
    require(result);
    assertThat(result.err())
        .contains("Container killed by YARN for exceeding physical memory limits")
        .contains("spark.executor.memoryOverhead");
    assertThat(folder.resolve("much.json"))
        .hasSameBinaryContentAs(folder.resolve("of-folder.json"));
  }

  /** The one line of an error, without the name of the program. */
  private static String error(CommandProcess ran) {
    assertThat(ran.status()).as(ran.err()).isEqualTo(1);
    List<String> lines =
        ran.err().lines().filter(line -> line.startsWith("sluice-spark ")).toList();
    assertThat(lines).as(ran.err()).hasSize(1);
    return lines.getFirst().substring("sluice-spark spectrum: ".length());
  }

  private static void require(CommandProcess result) {
    assertThat(result.status()).as(result.err()).isZero();
  }
}
