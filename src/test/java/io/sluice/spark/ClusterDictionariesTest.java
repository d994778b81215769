package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code bin/sluice-spark evaluate} and {@code features} beside the same of {@code bin/sluice}, on
 * a cluster of which a worker dies and in one process.
 */
@Tag("spark")
class ClusterDictionariesTest {
  private static final List<String> FILES = List.of(".json", ".features.arrow", ".positions.arrow");

  /**
   * The stage of an evaluation after that of the means; each has another that joins its results.
   */
  private static final int MEASURES = 3;

  /** The stage of features after that which encodes. */
  private static final int DESCRIBE = 2;

  @TempDir static Path folder;
  private static SparkCluster cluster;

  @BeforeAll
  static void write() throws IOException {
    SparkCluster.home();
    ClusterStore made = new ClusterStore(Seeds.seed());
    made.write(folder.resolve("store"), 70_000);
    made.dictionary(folder.resolve("wide"), ClusterStore.SITES.subList(0, 1), 66_000, new TopK(5));
    made.dictionary(folder.resolve("plain"), ClusterStore.SITES.subList(0, 1), 3000, new TopK(5));
    made.dictionary(folder.resolve("cross"), ClusterStore.SITES, 500, new BatchTopK(6));
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static String[] evaluate(String dictionary, String out, String... more) {
    return words("evaluate", dictionary, out + ".json", more);
  }

  private static String[] features(String dictionary, String out, String... more) {
    return words("features", dictionary, out, more);
  }

  private static String[] words(String command, String dictionary, String out, String... more) {
    return Stream.of(
            new String[] {command, "--dictionary", dictionary, "--store", "store"},
            new String[] {"--out", out},
            more)
        .flatMap(Stream::of)
        .toArray(String[]::new);
  }

  @Test
  void theEvaluationIsThatOfOneMachineAlsoIfAWorkerDies() throws Exception {
    CommandProcess ran =
        killed(MEASURES, 10, "shuffle_1_.*\\.data", evaluate("wide", "many", "--batch", "100"));
    requireEvaluation(ran, "many", evaluate("wide", "single", "--batch", "100"));
  }

  @Test
  void featuresAreThoseOfOneMachineAlsoIfAWorkerDies() throws Exception {
    CommandProcess ran =
        killed(DESCRIBE, 50, "rdd_.*", features("plain", "manyf", "--batch", "100"));
    requireFeatures(ran, "manyf", features("plain", "singlef", "--batch", "100"));
  }

  /**
   * Kills a worker when a task of a stage has ended there, whose result is lost with it and with
   * all that the stages before have left there.
   *
   * @param partition a task of the stage that has not begun by then
   * @param file what the result is in
   */
  private static CommandProcess killed(int stage, int partition, String file, String[] options)
      throws Exception {
    Path go = Files.createTempDirectory(folder, "go").resolve("go");
    List<String> spark = new ArrayList<>(TaskFaults.waiting(stage, partition, go));
    spark.addAll(SparkCluster.BOTH);
    CompletableFuture<CommandProcess> running = cluster.begin(spark, folder, options);
    try {
      cluster.awaitFile("127.0.0.2", file);
      cluster.killWorker();
      assertThat(running).as("the command, when a worker dies").isNotDone();
    } finally {
      Files.createFile(go);
    }
    CommandProcess ran = running.get(10, TimeUnit.MINUTES);
    cluster.startWorkerAgain(Map.of());
    return ran;
  }

  @Test
  void batchesOfACrosscoderAreThoseOfOneMachine() throws Exception {
    String[] more = {"--batch", "16", "--dead-window", "3000", "--from-position", "3"};
    requireEvaluation(
        SparkCluster.runLocally(folder, evaluate("cross", "local", more)),
        "local",
        evaluate("cross", "alone", more));
    String[] other = {"--batch", "16", "--dead-window", "3000", "--top", "3", "--before", "50"};
    requireFeatures(
        SparkCluster.runLocally(folder, features("cross", "localf", other)),
        "localf",
        features("cross", "alonef", other));
  }

  @Test
  @Tag("model")
  void whatAModelTellsAndTokensThatAreHeldOutAreThoseOfOneMachine() throws Exception {
    ClusterStore.train(folder);
    String model = ClusterStore.MODEL.toString();
    String[] more = {
      "--model", model, "--text", "other.txt", "--context", "12", "--tokens", "500", "--batch", "8"
    };
    requireEvaluation(
        SparkCluster.runLocally(folder, small(evaluate("run", "spread", more))),
        "spread",
        small(evaluate("run", "held", more)));
    assertThat(Files.readString(folder.resolve("spread.json")))
        .contains("\"held-out\"", "\"trained\"", "\"lossRecovered\"");
    requireFeatures(
        SparkCluster.runLocally(folder, small(features("run", "spreadf", "--model", model))),
        "spreadf",
        small(features("run", "told", "--model", model)));
    assertThat(names(folder.resolve("spreadf"))).contains("logits.arrow");
  }

  /** The same on the store of {@link ClusterStore#train}. */
  private static String[] small(String[] words) {
    words[4] = "small";
    return words;
  }

  private static void requireEvaluation(CommandProcess ran, String out, String[] alone)
      throws Exception {
    assertThat(ran.out()).isEqualTo(single(ran, alone).out());
    String name = alone[6].replace(".json", "");
    for (String file : FILES) {
      assertThat(folder.resolve(out + file)).hasSameBinaryContentAs(folder.resolve(name + file));
    }
  }

  private static void requireFeatures(CommandProcess ran, String out, String[] alone)
      throws Exception {
    String name = alone[6];
    assertThat(ran.out()).isEqualTo(single(ran, alone).out().replace(name, out));
    Path expected = folder.resolve(name);
    Path actual = folder.resolve(out);
    assertThat(names(actual)).isEqualTo(names(expected)).contains("contexts.arrow");
    for (String file : names(expected)) {
      assertThat(actual.resolve(file)).hasSameBinaryContentAs(expected.resolve(file));
    }
  }

  /** Runs the command of one machine; the other has succeeded, too. */
  private static CommandProcess single(CommandProcess ran, String[] alone) throws Exception {
    assertThat(ran.status()).as(ran.err()).isZero();
    CommandProcess single = CommandProcess.run(folder, new String[0], alone);
    assertThat(single.status()).as(single.err()).isZero();
    return single;
  }

  private static List<String> names(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void questionsAreLeftToOneMachine() throws Exception {
    CommandProcess result =
        SparkCluster.runLocally(folder, "features", "--features", "none", "--show", "3");
    assertThat(result.status()).isEqualTo(2);
    assertThat(result.err().lines().findFirst().orElseThrow())
        .contains("--show", "'sluice features --show'");
  }
}
