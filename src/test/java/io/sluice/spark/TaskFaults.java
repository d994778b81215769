package io.sluice.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Makes a task fail some times: before each try of the second task of a stage an executor runs a
 * command of the shell that puts something in its way, or after so many tries one that removes it.
 */
public final class TaskFaults implements SparkPlugin {
  /** How often the task fails. */
  static final String TIMES = "spark.sluice.faults.times";

  /** Puts something in the way. */
  static final String BREAK = "spark.sluice.faults.break";

  /** Removes it. */
  static final String MEND = "spark.sluice.faults.mend";

  /** The stage after that which asks an executor for its kernels. */
  private static final int STAGE = 1;

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
      if (task.stageId() == STAGE && task.partitionId() == 1) {
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
