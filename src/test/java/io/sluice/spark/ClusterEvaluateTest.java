package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice-spark evaluate} beside {@code bin/sluice evaluate}. */
@Tag("spark")
class ClusterEvaluateTest {
  private static final List<String> FILES = List.of(".json", ".features.arrow", ".positions.arrow");

  @TempDir static Path folder;
  private SparkCluster cluster;

  @BeforeAll
  static void write() throws IOException {
    SparkCluster.home();
    ClusterStore made = new ClusterStore(Seeds.seed());
    made.write(folder.resolve("store"));
    made.dictionary(folder.resolve("plain"), ClusterStore.SITES.subList(0, 1), 70_000, new TopK(5));
    made.dictionary(folder.resolve("cross"), ClusterStore.SITES, 500, new BatchTopK(6));
  }

  @AfterEach
  void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  private void start() throws IOException {
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  private static String[] options(String dictionary, String out, String... more) {
    return Stream.of(
            new String[] {"evaluate", "--dictionary", dictionary, "--store", "store"},
            new String[] {"--out", out + ".json"},
            more)
        .flatMap(Stream::of)
        .toArray(String[]::new);
  }

  @Test
  void theResultIsThatOfOneMachineAlsoIfAWorkerDies() throws Exception {
    start();
    CompletableFuture<CommandProcess> running =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return cluster.run(folder, options("plain", "many", "--batch", "100"));
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    // Means are found by then.
    cluster.awaitFile("shuffle_1_.*\\.data");
    cluster.killWorker();
    requireThatOfOneMachine(
        running.get(5, TimeUnit.MINUTES), "many", options("plain", "single", "--batch", "100"));
  }

  @Test
  void batchesOfACrosscoderAreThoseOfOneMachine() throws Exception {
    String[] more = {"--batch", "16", "--dead-window", "3000", "--from-position", "3"};
    requireThatOfOneMachine(
        SparkCluster.runLocally(folder, options("cross", "local", more)),
        "local",
        options("cross", "alone", more));
  }

  @Test
  @Tag("model")
  void lossAndTokensThatAreHeldOutAreThoseOfOneMachine() throws Exception {
    ClusterStore.train(folder);
    String[] more = {
      "--model",
      ClusterStore.MODEL.toString(),
      "--text",
      "other.txt",
      "--context",
      "12",
      "--tokens",
      "500",
      "--batch",
      "8"
    };
    String[] alone = options("run", "held", more);
    String[] spread = options("run", "spread", more);
    alone[4] = "small";
    spread[4] = "small";
    CommandProcess ran = SparkCluster.runLocally(folder, spread);
    requireThatOfOneMachine(ran, "spread", alone);
    assertThat(Files.readString(folder.resolve("spread.json")))
        .contains("\"held-out\"", "\"trained\"", "\"lossRecovered\"");
  }

  private static void requireThatOfOneMachine(CommandProcess ran, String out, String[] alone)
      throws Exception {
    assertThat(ran.status()).as(ran.err()).isZero();
    CommandProcess single = CommandProcess.run(folder, new String[0], alone);
    assertThat(single.status()).as(single.err()).isZero();
    assertThat(ran.out()).isEqualTo(single.out());
    String name = alone[6].replace(".json", "");
    for (String file : FILES) {
      assertThat(folder.resolve(out + file)).hasSameBinaryContentAs(folder.resolve(name + file));
    }
  }

  @Test
  void aDamagedShardIsNamedInOneLine() throws Exception {
    Path damaged = folder.resolve("damaged");
    new ClusterStore(1).write(damaged);
    Path shard = damaged.resolve("shard-00007.arrow");
    try (FileChannel channel = FileChannel.open(shard, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(4), channel.size() / 2);
    }
    String[] words = options("plain", "never");
    words[4] = "damaged";
    start();
    CommandProcess result = cluster.run(folder, words);
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.err().lines().filter(line -> !line.startsWith("evaluate: ")))
        .singleElement()
        .asString()
        .startsWith("sluice-spark evaluate: " + shard + ": checksum");
    assertThat(Files.exists(folder.resolve("never.json"))).isFalse();
  }
}
