package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark features} beside {@code bin/sluice features}. */
@Tag("spark")
class ClusterFeaturesTest {
  @TempDir static Path folder;
  private SparkCluster cluster;

  @BeforeAll
  static void write() throws IOException {
    SparkCluster.home();
    ClusterStore made = new ClusterStore(Seeds.seed());
    made.write(folder.resolve("store"));
    made.dictionary(folder.resolve("plain"), ClusterStore.SITES.subList(0, 1), 9000, new TopK(5));
    made.dictionary(folder.resolve("cross"), ClusterStore.SITES, 500, new BatchTopK(6));
  }

  @AfterEach
  void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private static String[] options(String dictionary, String out, String... more) {
    return Stream.of(
            new String[] {"features", "--dictionary", dictionary, "--store", "store"},
            new String[] {"--out", out},
            more)
        .flatMap(Stream::of)
        .toArray(String[]::new);
  }

  @Test
  void theFolderIsThatOfOneMachineAlsoIfAWorkerDies() throws Exception {
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
    CompletableFuture<CommandProcess> running =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return cluster.run(folder, options("plain", "many", "--batch", "100"));
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    // Features of some partitions are described by then, and are lost with all codes.
    cluster.awaitFile("rdd_.*");
    cluster.killWorker();
    CommandProcess many = running.get(5, TimeUnit.MINUTES);
    requireThatOfOneMachine(many, "many", options("plain", "single", "--batch", "100"));
  }

  @Test
  void batchesOfACrosscoderAreThoseOfOneMachine() throws Exception {
    String[] more = {"--batch", "16", "--dead-window", "3000", "--top", "3", "--before", "50"};
    requireThatOfOneMachine(
        SparkCluster.runLocally(folder, options("cross", "local", more)),
        "local",
        options("cross", "alone", more));
  }

  @Test
  @Tag("model")
  void whatAModelTellsIsThatOfOneMachine() throws Exception {
    ClusterStore.train(folder);
    String[] alone = options("run", "told", "--model", ClusterStore.MODEL.toString());
    String[] spread = options("run", "spread", "--model", ClusterStore.MODEL.toString());
    alone[4] = "small";
    spread[4] = "small";
    CommandProcess ran = SparkCluster.runLocally(folder, spread);
    requireThatOfOneMachine(ran, "spread", alone);
    assertThat(names(folder.resolve("spread"))).contains("logits.arrow");
  }

  private static void requireThatOfOneMachine(CommandProcess ran, String out, String[] alone)
      throws Exception {
    assertThat(ran.status()).as(ran.err()).isZero();
    CommandProcess single = CommandProcess.run(folder, new String[0], alone);
    assertThat(single.status()).as(single.err()).isZero();
    String name = alone[6];
    assertThat(ran.out()).isEqualTo(single.out().replace(name, out));
    Path expected = folder.resolve(name);
    Path actual = folder.resolve(out);
    assertThat(names(actual)).isEqualTo(names(expected)).contains("contexts.arrow");
    for (String file : names(expected)) {
      assertThat(actual.resolve(file)).hasSameBinaryContentAs(expected.resolve(file));
    }
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
