package io.sluice.spark;

import io.sluice.cli.console.SluiceCommand;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;

/**
 * The driver that {@code bin/sluice-spark} submits: the commands of {@code sluice} that run on a
 * cluster, with the same options, results, errors and exit statuses.
 */
public final class Main {
  private static final List<Class<? extends SluiceCommand>> COMMANDS =
      List.of(
          ClusterCapture.class,
          ClusterSpectrum.class,
          ClusterSweep.class,
          ClusterEvaluate.class,
          ClusterFeatures.class);

  private Main() {}

  /** Runs a command and exits the JVM with its status. */
  public static void main(String[] args) {
    // Numbers in tables and JSON read the same everywhere.
    Locale.setDefault(Locale.ROOT);
    System.exit(io.sluice.cli.Main.run("sluice-spark", COMMANDS, args));
  }

  /** The parser of its commands. */
  public static CommandLine commandLine() {
    return io.sluice.cli.Main.commandLine(COMMANDS);
  }
}
