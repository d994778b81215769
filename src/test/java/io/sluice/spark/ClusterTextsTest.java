package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.cli.CommandProcess;
import io.sluice.report.Spectra;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
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

/** What reads texts with {@code bin/sluice-spark}, beside the same with {@code bin/sluice}. */
@Tag("spark")
@Tag("model")
class ClusterTextsTest {
  private static final Path MODEL = Path.of("target/models/all-minilm-l6-v2").toAbsolutePath();
  private static final Path NOVEL = Path.of("datasets/moby-dick.txt").toAbsolutePath();

  @TempDir static Path folder;
  private static SparkCluster cluster;

  /** Texts in two formats, and the store of one machine, of three shards. */
  @BeforeAll
  static void capture() throws Exception {
    SparkCluster.home();
    String novel = Files.readString(NOVEL);
    Files.createDirectories(folder.resolve("texts"));
    StringBuilder lines = new StringBuilder();
    for (int line = 0; line < 30; line++) {
      String text = novel.substring(20_000 + line * 300, 20_000 + line * 300 + line * 20);
      lines.append("{\"text\": \"").append(text.replaceAll("[^A-Za-z .,]", " ")).append("\"}\n");
    }
    Files.writeString(folder.resolve("texts/a.jsonl"), lines);
    Files.writeString(folder.resolve("texts/b.txt"), novel.substring(40_000, 60_000));
    CommandProcess single = CommandProcess.run(folder, new String[0], options("single"));
    assertThat(single.status()).as(single.err()).isZero();
    assertThat(ManifestFile.read(folder.resolve("single")).shards()).hasSize(3);
    cluster = SparkCluster.start(folder, Path.of(System.getProperty("java.home")));
  }

  private static String[] options(String out, String... more) {
    List<String> words = new ArrayList<>();
    words.addAll(List.of("capture", "--model", MODEL.toString(), "--text", "texts"));
    words.addAll(List.of("--hooks", "layers.*.*", "--tokens", "4500", "--out", out));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
  }

  @Test
  void theStoreIsThatOfOneMachineAlsoIfAWorkerDies() throws Exception {
    Path out = folder.resolve("many");
    Path go = folder.resolve("go");
    // The task with the last shard, which is short.
    List<String> spark = new ArrayList<>(TaskFaults.waiting(1, 2, go));
    spark.addAll(SparkCluster.BOTH);
    try (WatchService watch = folder.getFileSystem().newWatchService()) {
      Files.createDirectories(out);
      out.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
      CompletableFuture<CommandProcess> running =
          cluster.begin(spark, folder, options("many", "--task-tokens", "1000"));
      try {
        awaitShard(watch);
        cluster.killWorker();
        assertThat(running).as("the command, when a worker dies").isNotDone();
      } finally {
        Files.createFile(go);
      }
      CommandProcess many = running.get(10, TimeUnit.MINUTES);
      cluster.startWorkerAgain(Map.of());
      assertThat(many.status()).as(many.err()).isZero();
      assertThat(many.out()).contains("4,500 rows at 24 hook points");
    }
    requireStoreOfOneMachine(out);
  }

  /** Returns when a task has begun to write a shard. */
  private static void awaitShard(WatchService watch) throws InterruptedException {
    while (true) {
      WatchKey key = watch.poll(5, TimeUnit.MINUTES);
      assertThat(key).as("a shard within five minutes").isNotNull();
      boolean shard =
          key.pollEvents().stream().anyMatch(event -> event.context().toString().contains("shard"));
      if (shard) {
        return;
      }
      key.reset();
    }
  }

  @Test
  void oneProcessWritesTheSameStore() throws Exception {
    CommandProcess one = SparkCluster.runLocally(folder, options("one", "--task-tokens", "3000"));
    assertThat(one.status()).as(one.err()).isZero();
    requireStoreOfOneMachine(folder.resolve("one"));
  }

  private static void requireStoreOfOneMachine(Path actual) throws IOException {
    requireSame(actual, folder.resolve("single"));
  }

  /** All files have the same bytes, and the manifests say the same. */
  static void requireSame(Path actual, Path expected) throws IOException {
    assertThat(names(actual)).isEqualTo(names(expected));
    for (String name : names(expected)) {
      if (!name.equals(Manifest.FILE_NAME)) {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
    Manifest single = ManifestFile.read(expected);
    Manifest store = ManifestFile.read(actual);
    assertThat(store.complete()).isTrue();
    assertThat(store.rowsPerShard()).isEqualTo(single.rowsPerShard());
    assertThat(store.shards()).isEqualTo(single.shards());
    assertThat(store.tables()).isEqualTo(single.tables());
    assertThat(store.properties()).isEqualTo(single.properties());
    assertThat(store.text()).isEqualTo(single.text());
  }

  private static List<String> names(Path store) throws IOException {
    try (Stream<Path> files = Files.list(store)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void spectraOfTextsHaveTheSameBitsForAnyExecutors() throws Exception {
    String[] options = {
      "spectrum",
      "--model",
      MODEL.toString(),
      "--text",
      "texts",
      "--tokens",
      "4500",
      "--hooks",
      "layers.*.resid,layers.2.attn_out",
      "--features",
      "64",
      "--k",
      "4",
      "--out"
    };
    CommandProcess many = cluster.run(folder, with(options, "many.json", "--task-tokens", "1500"));
    assertThat(many.status()).as(many.err()).isZero();
    CommandProcess one =
        SparkCluster.runLocally(folder, with(options, "one.json", "--task-tokens", "1500"));
    assertThat(one.status()).as(one.err()).isZero();
    assertThat(folder.resolve("many.json")).hasSameBinaryContentAs(folder.resolve("one.json"));

    CommandProcess single = CommandProcess.run(folder, new String[0], with(options, "single.json"));
    assertThat(single.status()).as(single.err()).isZero();
    Spectra expected = Spectra.read(folder.resolve("single.json"));
    Spectra spectra = Spectra.read(folder.resolve("many.json"));
    assertThat(spectra.tokens()).isEqualTo(expected.tokens()).isEqualTo(4500);
    assertThat(spectra.outputProjections()).hasSameSizeAs(expected.outputProjections());
    assertThat(spectra.hooks()).hasSize(7);
    for (int i = 0; i < 7; i++) {
      Spectra.Hook hook = spectra.hooks().get(i);
      Spectra.Hook alone = expected.hooks().get(i);
      assertThat(hook.hook()).isEqualTo(alone.hook());
      assertThat(hook.intrinsicDimension()).isEqualTo(alone.intrinsicDimension());
      assertThat(hook.eigenvalues())
          .containsExactly(alone.eigenvalues(), within(1e-6 * alone.eigenvalues()[0]));
    }
  }

  private static String[] with(String[] options, String... more) {
    return Stream.of(options, more).flatMap(Stream::of).toArray(String[]::new);
  }
}
