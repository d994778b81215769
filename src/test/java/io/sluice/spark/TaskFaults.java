package io.sluice.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Makes tasks fail or wait: before a try of a task its executor runs a command of the shell. The
 * command sees the executor as {@code $PPID}.
 */
public final class TaskFaults implements SparkPlugin {
  private static final String TIMES = "spark.sluice.faults.times";
  private static final String STAGE = "spark.sluice.faults.stage";
  private static final String PARTITION = "spark.sluice.faults.partition";
  private static final String HOST = "spark.sluice.faults.host";
  private static final String BREAK = "spark.sluice.faults.break";
  private static final String MEND = "spark.sluice.faults.mend";

  private static Path classes;

  /**
   * Options for Spark with which a task fails some times.
   *
   * @param times how often it finds something in its way
   * @param stage its stage; 0 asks an executor for its kernels
   * @param partition its number within the stage
   * @param commands one puts something in its way, the other removes it
   */
  static List<String> failing(int times, int stage, int partition, List<String> commands) {
    return options(
        TIMES + "=" + times,
        STAGE + "=" + stage,
        PARTITION + "=" + partition,
        BREAK + "=" + commands.get(0),
        MEND + "=" + commands.get(1));
  }

  /** With these the first try of a task begins when a file is there. */
  static List<String> waiting(int stage, int partition, Path file) {
    return failing(
        1, stage, partition, List.of("until [ -e " + file + " ]; do sleep 0.1; done", ":"));
  }

  /** With these the executor on one of the addresses runs a command before each of its tasks. */
  static List<String> on(String host, String command) {
    return options(
        HOST + "=" + host, TIMES + "=" + Integer.MAX_VALUE, BREAK + "=" + command, MEND + "=:");
  }

  private static List<String> options(String... settings) {
    String classes = ownClasses().toString();
    List<String> all =
        new ArrayList<>(
            List.of(
                "spark.driver.extraClassPath=" + classes,
                "spark.executor.extraClassPath=" + classes,
                "spark.plugins=" + TaskFaults.class.getName()));
    all.addAll(List.of(settings));
    List<String> options = new ArrayList<>();
    for (String setting : all) {
      options.add("--conf");
      options.add(setting);
    }
    return options;
  }

  /**
   * A folder with the classes of this file alone. Sluice's are in another class loader, and what
   * tests add to it by service files would be found without it.
   */
  private static synchronized Path ownClasses() {
    if (classes == null) {
      try {
        Path root = Files.createTempDirectory("faults");
        String own = TaskFaults.class.getPackageName().replace('.', '/');
        Path to = Files.createDirectories(root.resolve(own));
        try (Stream<Path> all = Files.list(Path.of("target/test-classes").resolve(own))) {
          for (Path each : (Iterable<Path>) all::iterator) {
            String name = each.getFileName().toString();
            if (name.startsWith(TaskFaults.class.getSimpleName())) {
              Files.copy(each, to.resolve(name)).toFile().deleteOnExit();
            }
          }
        }
        classes = root;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return classes;
  }

  @Override
  public DriverPlugin driverPlugin() {
    return null;
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new Executor();
  }

  private static final class Executor implements ExecutorPlugin {
    private PluginContext context;

    @Override
    public void init(PluginContext given, Map<String, String> more) {
      context = given;
    }

    @Override
    public void onTaskStart() {
      TaskContext task = TaskContext.get();
      String host = context.conf().get(HOST, "");
      boolean chosen =
          host.isEmpty()
              ? task.stageId() == context.conf().getInt(STAGE, 0)
                  && task.partitionId() == context.conf().getInt(PARTITION, 0)
              : host.equals(SparkEnv.get().blockManager().blockManagerId().host());
      if (chosen) {
        int times = context.conf().getInt(TIMES, 0);
        run(context.conf().get(task.attemptNumber() < times ? BREAK : MEND));
      }
    }

    private static void run(String command) {
      try {
        new ProcessBuilder("sh", "-c", command).inheritIO().start().waitFor();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
