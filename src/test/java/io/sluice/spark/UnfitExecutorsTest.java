package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.TopK;
import io.sluice.testing.Python;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each command where executors cannot do its work: it ends with one line that says why. */
@Tag("spark")
@Tag("spark-failures")
class UnfitExecutorsTest {
  /** Each process has a working folder of its own, so this is another place for each. */
  private static final String HERE = "/proc/self/cwd/";

  @TempDir static Path folder;
  private static SparkCluster cluster;

  @BeforeAll
  static void write() throws Exception {
    SparkCluster.home();
    ClusterStore made = new ClusterStore(1);
    made.write(folder.resolve("store"), 3000);
    made.dictionary(folder.resolve("plain"), ClusterStore.SITES.subList(0, 1), 64, new TopK(4));
    Path model = Files.createDirectory(folder.resolve("model"));
    try (Stream<Path> files = Files.list(ClusterStore.MODEL)) {
      for (Path each : files.filter(Files::isRegularFile).toList()) {
        Files.copy(each, model.resolve(each.getFileName()));
      }
    }
    Files.writeString(folder.resolve("text.txt"), "the white whale of the sea ".repeat(50));
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  /** The commands, whose paths begin so. */
  private static List<List<String>> commands(String model, String text, String at, String out) {
    List<String> texts = List.of("--model", model + "model", "--text", text + "text.txt");
    return List.of(
        with(List.of("capture", "--out", out + "captured"), texts),
        with(List.of("spectrum"), texts),
        List.of("evaluate", "--dictionary", at + "plain", "--store", "store"),
        List.of("features", "--dictionary", "plain", "--store", at + "store", "--out", "f"),
        with(
            List.of("sweep", "--store", "store", "--hook", ClusterStore.SITES.getFirst().hook()),
            List.of("--vary", "features=32", "--vary", "k=4", "--batch", "64", "--steps", "50"),
            List.of("--out", out + "swept")));
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private static List<String> with(List<String>... parts) {
    return Stream.of(parts).flatMap(List::stream).toList();
  }

  @Test
  void aPathThatExecutorsDoNotSeeIsNamed() throws Exception {
    List<List<String>> words = new ArrayList<>(commands(HERE, "", HERE, HERE));
    words.add(commands("", HERE, "", "").getFirst());
    words.add(commands("", "", "", HERE).getFirst());
    List<String> paths =
        List.of("model", "model", "plain", "store", "swept", "text.txt", "captured");
    for (int i = 0; i < words.size(); i++) {
      CommandProcess result = run(cluster, List.of(), words.get(i));
      assertThat(error(result, words.get(i)))
          .startsWith(HERE + paths.get(i) + ": executor ")
          .contains("does not see it; give a path on a disk that the driver and every executor");
      for (String out : List.of("captured", "swept")) {
        delete(folder.resolve(out));
      }
    }
  }

  @Test
  void anExecutorOnAnOldJdkIsNamed() throws Exception {
    try (SparkCluster old = SparkCluster.start(folder.resolve("old"), SparkCluster.oldJdk())) {
      for (List<String> words : commands("", "", "", "old-")) {
        assertThat(error(run(old, List.of(), words), words))
            .startsWith("an executor runs on Java ")
            .contains("22 or newer");
      }
    }
  }

  @Test
  @Tag("python")
  void executorsWithAnotherLibTorchAreNamed() throws Exception {
    Assumptions.assumeTrue(System.getenv("LIBTORCH") == null, "LIBTORCH names the only one");
    CommandProcess found =
        CommandProcess.run(
            folder,
            Map.of(),
            List.of(Python.require().toString(), "-c", "import torch; print(torch.__path__[0])"));
    assertThat(found.status()).as(found.err()).isZero();
    List<String> other = List.of("--conf", "spark.executorEnv.LIBTORCH=" + found.out().strip());
    for (List<String> words : commands("", "", "", "mixed-")) {
      List<String> torch =
          List.of("evaluate", "features", "sweep").contains(words.getFirst())
              ? with(words, List.of("--engine", "torch"))
              : words;
      CommandProcess result = cluster.runWith(other, folder, torch.toArray(String[]::new));
      assertThat(error(result, words))
          .startsWith("executor ")
          .contains("LibTorch 2.", "and the driver LibTorch", "--allow-other-libtorch");
    }
  }

  @Test
  void executorsThatDoNotStartAreExplained() throws Exception {
    Path errors = folder.resolve("none.err");
    List<String> broken =
        List.of(
            "--conf",
            "spark.executor.extraJavaOptions=-agentlib:no-such-agent",
            "--conf",
            "spark.sluice.patience=1s");
    Process driver =
        cluster.startDriver(
            broken, folder, errors, commands("", "", "", "").get(2).toArray(String[]::new));
    try {
      String said = "";
      while (!said.contains("no executor has started") && driver.isAlive()) {
        Thread.sleep(50);
        said = Files.readString(errors);
      }
      assertThat(said)
          .contains(
              "spark: no executor has started for 1 seconds; look into the logs of the workers")
          .contains("they need Spark 4.2.0, a JDK of 22 or newer");
    } finally {
      driver.destroyForcibly().waitFor();
    }
  }

  private static CommandProcess run(SparkCluster on, List<String> spark, List<String> words)
      throws Exception {
    return on.runOnInstalledLibTorch(spark, folder, words.toArray(String[]::new));
  }

  /** The one line of an error, without the name of the program. */
  private static String error(CommandProcess result, List<String> words) {
    assertThat(result.status()).as(result.err()).isEqualTo(1);
    List<String> lines =
        result
            .err()
            .lines()
            .filter(
                line ->
                    !line.matches("(capture|texts|spectrum|evaluate|features|encode|sweep): .*"))
            .toList();
    assertThat(lines).as(words + " " + result.err()).hasSize(1);
    String start = "sluice-spark " + words.getFirst() + ": ";
    assertThat(lines.getFirst()).startsWith(start);
    return lines.getFirst().substring(start.length());
  }

  private static void delete(Path place) throws Exception {
    if (Files.exists(place)) {
      try (Stream<Path> files = Files.walk(place)) {
        for (Path each : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(each);
        }
      }
    }
  }
}
