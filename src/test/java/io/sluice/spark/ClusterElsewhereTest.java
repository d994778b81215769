package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.CommandProcess;
import io.sluice.engine.activation.TopK;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code features} and {@code sweep} on stores on {@code s3a://} and {@code file://}, beside {@code
 * bin/sluice} on the same in a folder.
 */
@Tag("spark")
class ClusterElsewhereTest {
  private static final String ADDRESS = S3Server.address("store");
  private static final String HOOK = ClusterStore.SITES.getFirst().hook();
  private static final String[] CELLS = {"seed=0", "seed=1"};

  @TempDir static Path folder;
  private static S3Server server;
  private static SparkCluster cluster;

  @BeforeAll
  static void start() throws Exception {
    SparkCluster.home();
    server = S3Server.start(Files.createDirectory(folder.resolve("server")));
    ClusterStore made = new ClusterStore(Seeds.seed());
    made.write(folder.resolve("store"), 20_000);
    made.dictionary(
        folder.resolve("dictionary"), ClusterStore.SITES.subList(0, 1), 1500, new TopK(5));
    server.put(folder.resolve("store"), "store");
    cluster =
        SparkCluster.start(
            Files.createDirectory(folder.resolve("cluster")),
            Path.of(System.getProperty("java.home")));
  }

  @AfterAll
  static void stop() {
    if (cluster != null) {
      cluster.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private static String file() {
    return folder.resolve("store").toUri().toString().replaceFirst("/$", "");
  }

  private static String[] words(List<String> first, String... more) {
    return Stream.concat(first.stream(), Stream.of(more)).toArray(String[]::new);
  }

  private static String[] cached(String[] command, String cache) {
    return words(List.of(command), "--cache", folder.resolve(cache).toString());
  }

  private static CommandProcess sluice(String... command) throws Exception {
    return CommandProcess.run(folder, new String[0], command);
  }

  private static String success(CommandProcess ran) {
    assertThat(ran.status()).as(ran.err()).isZero();
    return ran.out();
  }

  private static String[] features(String store, String out) {
    return words(
        List.of("features", "--dictionary", "dictionary", "--batch", "100"),
        "--store",
        store,
        "--out",
        out);
  }

  @Test
  void featuresOfAStoreElsewhereAreThoseOfOneMachine() throws Exception {
    String alone = success(sluice(features("store", "alone")));
    CommandProcess many =
        cluster.runWith(
            server.options(), folder, cached(features(ADDRESS, "s3"), "features-cache"));
    assertThat(success(many)).isEqualTo(alone.replace("alone", "s3"));
    requireSameFeatures("s3", ADDRESS);

    String[] local = cached(features(file() + "/", "file"), "file-cache");
    success(SparkCluster.runLocally(folder, local));
    assertThat(file()).startsWith("file:///");
    requireSameFeatures("file", file());

    // What reads the folder afterwards needs no store.
    String shown = success(sluice("features", "--features", "s3", "--show", "7"));
    assertThat(shown)
        .isNotBlank()
        .isEqualTo(success(sluice("features", "--features", "alone", "--show", "7")));
    success(sluice("browse", "--features", "s3", "--html", "page.html"));
    success(sluice("features", "--features", "s3", "--export", "neuronpedia", "--out", "export"));
  }

  private static void requireSameFeatures(String out, String store) throws IOException {
    Path expected = folder.resolve("alone");
    Path actual = folder.resolve(out);
    assertThat(names(actual)).isEqualTo(names(expected)).contains("features.json");
    for (String name : names(expected)) {
      if (name.equals("features.json")) {
        String text = Files.readString(actual.resolve(name));
        assertThat(new ObjectMapper().readTree(text).at("/store/path").asText()).isEqualTo(store);
        assertThat(text.replace('"' + store + '"', "\"store\""))
            .isEqualTo(Files.readString(expected.resolve(name)));
      } else {
        assertThat(actual.resolve(name)).hasSameBinaryContentAs(expected.resolve(name));
      }
    }
  }

  private static List<String> names(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      return files.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  private static String[] sweep(String store, String out, String features, String steps) {
    List<String> words = new ArrayList<>(List.of("sweep", "--store", store, "--out", out));
    words.addAll(List.of("--hook", HOOK, "--vary", "seed=0,1", "--vary", "k=4", "--batch", "128"));
    words.addAll(List.of("--vary", "features=" + features, "--steps", steps));
    words.addAll(List.of("--checkpoint-every", "100"));
    return words.toArray(String[]::new);
  }

  private static void requireSameSweep(
      String out, String store, String table, String expected, String expectedTable)
      throws IOException {
    String here = folder.resolve("store").toString();
    ClusterSweepTest.requireSame(
        folder.resolve(out),
        folder.resolve(expected),
        text -> text.replace("\"" + store + "\"", "\"" + here + "\""),
        CELLS);
    assertThat(ClusterSweepTest.untimed(table, out))
        .isEqualTo(ClusterSweepTest.untimed(expectedTable, expected));
    Path run = folder.resolve(out).resolve("cells").resolve(CELLS[1]).resolve("run.json");
    assertThat(new ObjectMapper().readTree(Files.readString(run)).at("/config/store").asText())
        .isEqualTo(store);
  }

  @Test
  void aSweepOnAStoreElsewhereIsThatOfOneMachine() throws Exception {
    String here = folder.resolve("store").toString();
    String[] alone = words(List.of(sweep(here, "short", "64", "120")), "--threads", "1");
    String table = success(sluice(alone));
    String[] local = cached(sweep(file(), "short-file", "64", "120"), "file-cache");
    String told = success(SparkCluster.runLocally(folder, local));
    requireSameSweep("short-file", file(), told, "short", table);
  }

  @Tag("spark-failures")
  @Test
  void aSweepOnAStoreElsewhereIsResumedAlsoIfExecutorsDie() throws Exception {
    String here = folder.resolve("store").toString();
    String table =
        success(sluice(words(List.of(sweep(here, "single", "512", "1500")), "--threads", "1")));
    Path out = folder.resolve("s3-sweep");
    Path errors = folder.resolve("sweep.err");
    Process first =
        cluster.startDriver(
            server.options(),
            folder,
            errors,
            cached(sweep(ADDRESS, "s3-sweep", "512", "1500"), "sweep-cache"));
    awaitStep(out, 1, first);
    first.destroy();
    assertThat(first.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(ClusterSweepTest.lines(Files.readString(errors)))
        .singleElement()
        .asString()
        .endsWith("'sluice-spark sweep --resume --out s3-sweep'");

    // One machine reads no addresses.
    for (String[] command :
        List.of(
            new String[] {"sweep", "--resume", "--out", "s3-sweep"},
            new String[] {"train", "--resume", "--out", "s3-sweep/cells/" + CELLS[0]})) {
      assertThat(line(sluice(command), "sluice " + command[0]))
          .contains("only 'sluice-spark' reads stores at addresses");
    }

    String[] resume =
        cached(new String[] {"sweep", "--resume", "--out", "s3-sweep"}, "other-cache");
    Process second = cluster.startDriver(server.options(), folder, errors, resume);
    int done = ClusterSweepTest.checkpoints(out, CELLS).mapToInt(step -> step).max().orElseThrow();
    awaitStep(out, done + 1, second);
    assertThat(cluster.executors()).isNotEmpty().allMatch(ProcessHandle::destroyForcibly);
    assertThat(second.waitFor(4, TimeUnit.MINUTES)).isTrue();
    assertThat(second.exitValue()).as(Files.readString(errors)).isZero();
    // A copy of the store in a folder is the same store.
    String told = success(sluice("sweep", "--resume", "--out", "s3-sweep", "--store", "store"));
    requireSameSweep("s3-sweep", ADDRESS, told, "single", table);
  }

  private static void awaitStep(Path sweep, int least, Process driver) {
    ClusterSweepTest.await(
        () -> ClusterSweepTest.checkpoints(sweep, CELLS).anyMatch(step -> step >= least), driver);
  }

  @Test
  void whatIsWrongElsewhereIsOneLine() throws Exception {
    assertThat(refused(server.options(), features(S3Server.address("none"), "no")))
        .startsWith(S3Server.address("none") + ": no .manifest.json in it");
    assertThat(refused(server.options("wrong"), sweep(ADDRESS, "no", "64", "120")))
        .startsWith(ADDRESS + "/.manifest.json: cannot be read (access is denied");
    String[] small = words(List.of(sweep(ADDRESS, "no", "64", "120")), "--cache-size", "40K");
    assertThat(refused(server.options(), small)).contains("--cache-size");
    String[] unknown = sweep(ADDRESS, "no", "64", "120");
    unknown[6] = "layers.9.resid";
    assertThat(refused(server.options(), unknown)).contains("layers.0.resid, layers.1.resid");
    assertThat(line(sluice(sweep(ADDRESS, "no", "64", "120")), "sluice sweep"))
        .contains("only 'sluice-spark' reads stores at addresses");
    assertThat(folder.resolve("no")).doesNotExist();
  }

  private static String refused(List<String> spark, String[] command) throws Exception {
    String[] all = cached(command, "refused-cache");
    return line(SparkCluster.runLocallyWith(spark, folder, all), "sluice-spark " + command[0]);
  }

  /** The one line of an error, without the name of the program. */
  private static String line(CommandProcess ran, String program) {
    assertThat(ran.status()).as(ran.err()).isEqualTo(1);
    String[] words = program.split(" ");
    List<String> lines =
        ran.err().lines().filter(line -> !line.startsWith(words[1] + ": ")).toList();
    assertThat(lines).as(ran.err()).hasSize(1);
    assertThat(lines.getFirst()).startsWith(program + ": ");
    return lines.getFirst().substring(program.length() + 2);
  }
}
