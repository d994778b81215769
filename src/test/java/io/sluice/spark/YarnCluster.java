package io.sluice.spark;

import io.sluice.cli.CommandProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * YARN with two node managers, and HDFS, in a process on this machine ({@code MiniHadoop.java}). It
 * runs on an old JDK where there is one, as YARN may. {@code SLUICE_HADOOP} names the folder with
 * its jars; {@code .ci/run} makes it.
 */
final class YarnCluster implements AutoCloseable {
  private static final Path LAUNCHER = Path.of("bin/sluice-spark").toAbsolutePath();
  private static final Path SOURCE =
      Path.of("src/test/storage/hadoop/MiniHadoop.java").toAbsolutePath();
  private static final String JDK = System.getProperty("java.home");
  private static final String READY = "ready ";
  private static final int STOP_SECONDS = 40;

  private final Path folder;
  private final Process process;
  private final String files;
  private final BufferedReader log;

  private YarnCluster(Path folder, Process process, String files, BufferedReader log) {
    this.log = log;
    this.folder = folder;
    this.process = process;
    this.files = files;
  }

  private static Path jars() {
    String folder = System.getenv("SLUICE_HADOOP");
    Assumptions.assumeTrue(folder != null, "no SLUICE_HADOOP, so no YARN");
    return Path.of(folder);
  }

  /** Starts the cluster, whose files are in a folder, and returns when it answers. */
  static YarnCluster start(Path folder) throws IOException {
    String path = jars() + "/*:" + ofSpark();
    Path jdk = olderJdk().orElse(Path.of(JDK));
    ProcessBuilder builder =
        new ProcessBuilder(
                jdk.resolve("bin/java").toString(),
                "-Xmx400m",
                "-cp",
                path,
                SOURCE.toString(),
                folder.toString())
            .redirectError(folder.resolve("log").toFile())
            .directory(folder.toFile());
    // Containers have it where a command names no other one.
    builder.environment().put("JAVA_HOME", jdk.toString());
    // The process ends when this pipe does, also if these tests are killed.
    Process process = builder.redirectInput(ProcessBuilder.Redirect.PIPE).start();
    BufferedReader log = process.inputReader();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      if (line.startsWith(READY)) {
        return new YarnCluster(folder, process, line.substring(READY.length()), log);
      }
    }
    throw new IOException("YARN has ended:\n" + Files.readString(folder.resolve("log")));
  }

  /** Spark's client of Hadoop, and its log. */
  private static String ofSpark() throws IOException {
    try (Stream<Path> jars = Files.list(SparkCluster.home().resolve("jars"))) {
      return jars.filter(
              jar ->
                  jar.getFileName()
                      .toString()
                      .matches("(hadoop-client-|slf4j-api|log4j-(1|api|core|slf4j)).*"))
          .map(Path::toString)
          .collect(Collectors.joining(":"));
    }
  }

  /** A JDK older than Sluice needs, with the compiler. */
  static Optional<Path> olderJdk() throws IOException {
    return SparkCluster.olderJdks().stream()
        .filter(jdk -> Files.isExecutable(jdk.resolve("bin/javac")))
        .findFirst();
  }

  /** An address on HDFS. */
  String address(String name) {
    return files + "/" + name;
  }

  /** Copies a folder on HDFS to one that is not there yet. */
  void copy(String address, Path to) throws IOException {
    Writer commands = process.outputWriter();
    commands.write(address + "\t" + to + "\n");
    commands.flush();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      if (line.startsWith("copied ")) {
        return;
      }
    }
    throw new IOException("YARN has ended");
  }

  /** Runs {@code bin/sluice-spark} in a folder, on executors with the JDK of this process. */
  CommandProcess run(Path place, String... options) throws IOException, InterruptedException {
    return runWith(Path.of(JDK), List.of(), place, options);
  }

  /**
   * The same.
   *
   * @param jdk of the executors
   * @param spark what comes after {@code --}, too
   */
  CommandProcess runWith(Path jdk, List<String> spark, Path place, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
    command.addAll(List.of(options));
    command.addAll(List.of("--master", "yarn", "--", "--driver-memory", "600m"));
    command.addAll(List.of("--num-executors", "2", "--executor-cores", "1"));
    command.addAll(List.of("--executor-memory", "500m"));
    for (String setting :
        List.of(
            "spark.ui.enabled=false",
            "spark.driver.host=127.0.0.1",
            "spark.executor.memoryOverhead=900m",
            "spark.yarn.am.memory=300m",
            // Both executors are there before the first task.
            "spark.scheduler.minRegisteredResourcesRatio=1",
            // Otherwise Spark sends its jars, of 450 MB, each time.
            "spark.yarn.jars=local:" + SparkCluster.home() + "/jars/*",
            "spark.executorEnv.JAVA_HOME=" + jdk,
            "spark.yarn.appMasterEnv.JAVA_HOME=" + JDK)) {
      command.addAll(List.of("--conf", setting));
    }
    command.addAll(spark);
    Map<String, String> environment = new HashMap<>();
    environment.put("SPARK_HOME", SparkCluster.home().toString());
    environment.put("SPARK_LOCAL_IP", "127.0.0.1");
    environment.put("HADOOP_CONF_DIR", folder.resolve("conf").toString());
    return CommandProcess.run(place, environment, command);
  }

  @Override
  public void close() {
    try {
      process.outputWriter().close();
      if (process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        return;
      }
    } catch (IOException e) {
      // It has ended by itself.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    List<ProcessHandle> containers = process.descendants().toList();
    process.destroyForcibly();
    containers.forEach(ProcessHandle::destroyForcibly);
  }
}
