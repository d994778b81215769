package io.sluice.spark;

import java.util.List;
import java.util.Locale;

/**
 * The driver that {@code bin/sluice-spark} submits: the commands of {@code sluice} that run on a
 * cluster, with the same options, results, errors and exit statuses.
 */
public final class Main {
  private Main() {}

  /** Runs a command and exits the JVM with its status. */
  public static void main(String[] args) {
    // Numbers in tables and JSON read the same everywhere.
    Locale.setDefault(Locale.ROOT);
    System.exit(
        io.sluice.cli.Main.run(
            "sluice-spark", List.of(ClusterCapture.class, ClusterSpectrum.class), args));
  }
}
