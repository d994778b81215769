package io.sluice.spark;

import io.sluice.cli.CommandProcess;
import io.sluice.torch.Torch;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  private final List<Process> processes = new ArrayList<>();
  private final Path local;
  private String address;

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
    return start(folder, jdk, 0, Map.of());
  }

  /**
   * The same with another second worker. The system's limit on the size of a file stands for a full
   * disk, which needs no right to mount one.
   *
   * @param kibibytes what no file of that worker may exceed; 0 for no limit
   * @param environment of that worker and its executors
   */
  static SparkCluster start(Path folder, Path jdk, int kibibytes, Map<String, String> environment)
      throws IOException {
    SparkCluster cluster =
        new SparkCluster(Files.createTempDirectory(Files.createDirectories(folder), "spark"));
    try {
      Path own = Path.of(System.getProperty("java.home"));
      cluster.address =
          cluster.begin(
              own,
              "127.0.0.1",
              0,
              Map.of(),
              "Starting Spark master at (\\S+)",
              "org.apache.spark.deploy.master.Master",
              "--host",
              "127.0.0.1",
              "--port",
              "0",
              "--webui-port",
              "0");
      for (int worker = 0; worker < 2; worker++) {
        String host = "127.0.0." + (worker + 1);
        cluster.begin(
            jdk,
            host,
            worker == 1 ? kibibytes : 0,
            worker == 1 ? environment : Map.of(),
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
            folder.resolve("worker" + worker).toString(),
            cluster.address);
      }
      return cluster;
    } catch (IOException | RuntimeException | Error e) {
      cluster.close();
      throw e;
    }
  }

  /** Where what runs on one of the addresses keeps what it exchanges. */
  Path scratch(String host) throws IOException {
    return Files.createDirectories(local.resolve(host));
  }

  /** Starts a daemon, and returns what {@code said} captures in its log. */
  private String begin(
      Path jdk,
      String host,
      int kibibytes,
      Map<String, String> environment,
      String said,
      String... words)
      throws IOException {
    List<String> command = new ArrayList<>();
    if (kibibytes > 0) {
      command.addAll(List.of("bash", "-c", "ulimit -f " + kibibytes + "; exec \"$0\" \"$@\""));
    }
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
        // Its log must not fill the pipe.
        Thread.ofVirtual().start(() -> drain(log));
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

  /** The same where all use the LibTorch of this process, so that none is sent. */
  CommandProcess runOnInstalledLibTorch(Path folder, String... options)
      throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>(environment());
    environment.put("LIBTORCH", Torch.info().folder().toString());
    return CommandProcess.run(folder, environment, command(address, OF_CLUSTER, options));
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

  /** The executors of a worker that run now. */
  List<ProcessHandle> executors() {
    return processes.getLast().descendants().toList();
  }

  /**
   * Returns when a task has written a file for others.
   *
   * @param name its name, as a regular expression
   */
  void awaitFile(String name) throws IOException {
    long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(3);
    while (System.nanoTime() < end) {
      try (Stream<Path> files = Files.walk(local)) {
        if (files.anyMatch(file -> file.getFileName().toString().matches(name))) {
          return;
        }
      } catch (UncheckedIOException e) {
        // A folder went while it was listed.
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    throw new IOException("no task has ended within three minutes");
  }

  /** Kills a worker and its executors at once, as a machine that fails. */
  void killWorker() {
    Process worker = processes.getLast();
    worker.descendants().forEach(ProcessHandle::destroyForcibly);
    worker.destroyForcibly();
  }

  /** A JDK that is older than Sluice needs; tests are skipped where there is none. */
  static Path oldJdk() throws IOException {
    Path folder = Path.of("/usr/lib/jvm");
    if (Files.isDirectory(folder)) {
      try (var jdks = Files.list(folder)) {
        for (Path jdk : (Iterable<Path>) jdks::iterator) {
          if (jdk.getFileName().toString().matches("java-(17|21)-.*")
              && Files.isExecutable(jdk.resolve("bin/java"))) {
            return jdk;
          }
        }
      }
    }
    Assumptions.abort("no JDK 17 or 21 in " + folder);
    return null;
  }

  @Override
  public void close() {
    processes.reversed().forEach(Process::destroy);
    for (Process process : processes) {
      process.onExit().join();
    }
  }
}
