package io.sluice.spark;

import io.sluice.cli.CommandProcess;
import io.sluice.torch.Torch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A standalone cluster of Spark on this machine: a master and two workers of one core each, which
 * have addresses of their own and so are two machines for Spark.
 */
final class SparkCluster implements AutoCloseable {
  private static final Path LAUNCHER = Path.of("bin/sluice-spark").toAbsolutePath();

  private static final List<String> OF_CLUSTER =
      List.of("--executor-memory", "600m", "--conf", "spark.driver.host=127.0.0.1");

  /** Options with which no task begins before both workers have an executor. */
  static final List<String> BOTH =
      List.of(
          "--conf",
          "spark.cores.max=2",
          "--conf",
          "spark.scheduler.minRegisteredResourcesRatio=1",
          "--conf",
          "spark.scheduler.maxRegisteredResourcesWaitingTime=300s");

  /** What no file of an executor on a full disk may exceed. */
  private static final int FULL_BYTES = 100_000;

  private final List<Process> processes = new ArrayList<>();
  private final Path local;
  private String address;
  private FileTime begun = FileTime.fromMillis(0);
  private CompletableFuture<CommandProcess> running;

  private SparkCluster(Path local) {
    this.local = local;
  }

  /** The installation of Spark that SPARK_HOME names; tests are skipped where there is none. */
  static Path home() {
    String home = System.getenv("SPARK_HOME");
    Assumptions.assumeTrue(home != null, "no SPARK_HOME, so no Spark");
    return Path.of(home);
  }

  /**
   * Starts the cluster, and returns when the workers have registered.
   *
   * @param folder where workers keep their files
   * @param jdk the JDK of the workers and their executors
   */
  static SparkCluster start(Path folder, Path jdk) throws IOException {
    SparkCluster cluster =
        new SparkCluster(Files.createTempDirectory(Files.createDirectories(folder), "spark"));
    try {
      Path own = Path.of(System.getProperty("java.home"));
      cluster.address =
          cluster.begin(
              own,
              "127.0.0.1",
              Map.of(),
              "Starting Spark master at (\\S+)",
              "org.apache.spark.deploy.master.Master",
              "--host",
              "127.0.0.1",
              "--port",
              "0",
              "--webui-port",
              "0");
      cluster.startWorker(jdk, 1, Map.of());
      cluster.startWorker(jdk, 2, Map.of());
      return cluster;
    } catch (IOException | RuntimeException | Error e) {
      cluster.close();
      throw e;
    }
  }

  private void startWorker(Path jdk, int number, Map<String, String> environment)
      throws IOException {
    String host = "127.0.0." + number;
    begin(
        jdk,
        host,
        environment,
        "Successfully registered with master (\\S+)",
        "org.apache.spark.deploy.worker.Worker",
        "--host",
        host,
        "-c",
        "1",
        "-m",
        "1g",
        "--webui-port",
        "0",
        "-d",
        local.resolve("worker" + number).toString(),
        address);
  }

  /**
   * Starts the second worker again after {@link #killWorker}, on the JDK of this process.
   *
   * @param environment of that worker and its executors
   */
  void startWorkerAgain(Map<String, String> environment) throws IOException {
    startWorker(Path.of(System.getProperty("java.home")), 2, environment);
  }

  /** Where what runs on one of the addresses keeps what it exchanges. */
  Path scratch(String host) throws IOException {
    return Files.createDirectories(local.resolve(host));
  }

  /**
   * Options for Spark with which the second worker's disk is full when its first task begins. The
   * system's limit on the size of a file stands for it, which needs no right to mount a disk.
   */
  static List<String> fullDisk() {
    List<String> options =
        new ArrayList<>(TaskFaults.on("127.0.0.2", "prlimit --pid $PPID --fsize=" + FULL_BYTES));
    options.addAll(BOTH);
    return options;
  }

  /**
   * Options for Spark with which a task is run on both workers at once: its first try does not go
   * on before Spark has begun a second one as the first is late. The try that ends later is
   * interrupted.
   *
   * @param stage its stage
   * @param partition its number within the stage
   * @param begun a file that is there when the second has begun
   */
  static List<String> runningTwice(int stage, int partition, Path begun) {
    String wait =
        "kill -STOP $PPID; i=0; until [ -e %s ] || [ $i = 1200 ]; do sleep 0.1; i=$((i+1)); done;"
            + " kill -CONT $PPID";
    List<String> options =
        new ArrayList<>(
            TaskFaults.failing(
                1,
                stage,
                partition,
                List.of(wait.replace("%s", begun.toString()), "touch " + begun)));
    options.addAll(BOTH);
    for (String setting :
        List.of(
            "=true",
            ".interval=100ms",
            ".minTaskRuntime=100ms",
            ".multiplier=1",
            ".quantile=0.01",
            ".task.duration.threshold=1s",
            ".efficiency.enabled=false")) {
      options.addAll(List.of("--conf", "spark.speculation" + setting));
    }
    return options;
  }

  /** Starts a daemon, and returns what {@code said} captures in its log. */
  private String begin(
      Path jdk, String host, Map<String, String> environment, String said, String... words)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(home().resolve("bin/spark-class").toString());
    command.addAll(List.of(words));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", jdk.toString());
    builder.environment().put("SPARK_LOCAL_IP", host);
    builder.environment().put("SPARK_DAEMON_MEMORY", "200m");
    builder.environment().put("SPARK_LOCAL_DIRS", scratch(host).toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    processes.add(process);
    BufferedReader log = process.inputReader();
    Pattern wanted = Pattern.compile(said);
    StringBuilder all = new StringBuilder();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      all.append(line).append('\n');
      Matcher matcher = wanted.matcher(line);
      if (matcher.find()) {
        // Its log must not fill the pipe. Reading one would hold the thread that carries virtual
        // ones.
        Thread.ofPlatform().daemon().start(() -> drain(log));
        return matcher.group(1);
      }
    }
    throw new IOException("the daemon has ended:\n" + all);
  }

  private static void drain(Reader log) {
    try {
      log.transferTo(Writer.nullWriter());
    } catch (IOException e) {
      // The daemon was stopped.
    }
  }

  /** Runs {@code bin/sluice-spark} on the cluster. */
  CommandProcess run(Path folder, String... options) throws IOException, InterruptedException {
    return runWith(List.of(), folder, options);
  }

  /**
   * The same with more options for Spark.
   *
   * @param spark what comes after {@code --}
   */
  CommandProcess runWith(List<String> spark, Path folder, String... options)
      throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(spark);
    all.addAll(OF_CLUSTER);
    return runOn(address, folder, all, options);
  }

  /** The same, while the test does something else. */
  CompletableFuture<CommandProcess> begin(List<String> spark, Path folder, String... options) {
    begun = FileTime.from(Instant.now());
    running =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return runWith(spark, folder, options);
              } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
              }
            },
            command -> Thread.ofPlatform().daemon().start(command));
    return running;
  }

  /** The same where all use the LibTorch of this process, so that none is sent. */
  CommandProcess runOnInstalledLibTorch(List<String> spark, Path folder, String... options)
      throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>(environment());
    environment.put("LIBTORCH", Torch.info().folder().toString());
    List<String> all = new ArrayList<>(spark);
    all.addAll(OF_CLUSTER);
    return CommandProcess.run(folder, environment, command(address, all, options));
  }

  /**
   * Starts {@code bin/sluice-spark} on the cluster and returns at once. The process is the driver.
   *
   * @param spark what comes after {@code --}
   * @param errors where its standard error goes
   */
  Process startDriver(List<String> spark, Path folder, Path errors, String... options)
      throws IOException {
    List<String> all = new ArrayList<>(spark);
    all.addAll(OF_CLUSTER);
    ProcessBuilder builder = new ProcessBuilder(command(address, all, options));
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().putAll(environment());
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(errors.toFile());
    return builder.directory(folder.toFile()).start();
  }

  /** Runs {@code bin/sluice-spark} in one process. */
  static CommandProcess runLocally(Path folder, String... options)
      throws IOException, InterruptedException {
    return runLocallyWith(List.of(), folder, options);
  }

  /**
   * The same with more options for Spark.
   *
   * @param spark what comes after {@code --}
   */
  static CommandProcess runLocallyWith(List<String> spark, Path folder, String... options)
      throws IOException, InterruptedException {
    return runOn("local[2]", folder, spark, options);
  }

  private static CommandProcess runOn(
      String master, Path folder, List<String> spark, String... options)
      throws IOException, InterruptedException {
    return CommandProcess.run(folder, environment(), command(master, spark, options));
  }

  private static List<String> command(String master, List<String> spark, String... options) {
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
    command.addAll(List.of(options));
    command.addAll(List.of("--master", master, "--", "--driver-memory", "600m"));
    command.addAll(List.of("--conf", "spark.ui.enabled=false"));
    command.addAll(spark);
    return command;
  }

  private static Map<String, String> environment() {
    return Map.of("SPARK_HOME", home().toString(), "SPARK_LOCAL_IP", "127.0.0.1");
  }

  /** The executors of the second worker that run now. */
  List<ProcessHandle> executors() {
    return processes.getLast().descendants().toList();
  }

  /**
   * Returns when a task of the command that was begun last has written a file for others.
   *
   * @param host the address of the worker that has run it
   * @param name its name, as a regular expression
   */
  void awaitFile(String host, String name) throws IOException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(5);
    while (!running.isDone()) {
      if (System.nanoTime() > end) {
        throw new IOException("no file " + name + " on " + host + " after five minutes");
      }
      try (Stream<Path> files = Files.walk(scratch(host))) {
        for (Path file : (Iterable<Path>) files::iterator) {
          if (file.getFileName().toString().matches(name)
              && Files.getLastModifiedTime(file).compareTo(begun) > 0) {
            return;
          }
        }
      } catch (UncheckedIOException | NoSuchFileException e) {
        // A folder or a file went while they were listed.
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    throw new IOException("the command has ended: " + running.join().err());
  }

  /** Kills the second worker and its executors at once, as a machine that fails. */
  void killWorker() {
    Process worker = processes.removeLast();
    List<ProcessHandle> executors = worker.descendants().toList();
    worker.destroyForcibly();
    executors.forEach(ProcessHandle::destroyForcibly);
    worker.onExit().join();
  }

  /** A JDK that is older than Sluice needs; tests are skipped where there is none. */
  static Path oldJdk() throws IOException {
    List<Path> found = olderJdks();
    Assumptions.assumeFalse(found.isEmpty(), "no JDK 17 or 21 in /usr/lib/jvm");
    return found.getFirst();
  }

  /** All JDKs of this machine that are older than Sluice needs and Spark runs on. */
  static List<Path> olderJdks() throws IOException {
    Path folder = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> jdks = Files.list(folder)) {
      return jdks.filter(jdk -> jdk.getFileName().toString().matches("java-(17|21)-.*"))
          .filter(jdk -> Files.isExecutable(jdk.resolve("bin/java")))
          .sorted()
          .toList();
    }
  }

  @Override
  public void close() {
    processes.reversed().forEach(Process::destroy);
    for (Process process : processes) {
      process.onExit().join();
    }
  }
}
