package io.sluice.cli;

import java.util.List;
import picocli.CommandLine;

/** The subcommands, in the order in which {@code sluice --help} lists them. */
final class Commands {
  private static final List<String> CLASSES =
      List.of(
          "DoctorCommand",
          "CaptureCommand",
          "SpectrumCommand",
          "TrainCommand",
          "EvaluateCommand",
          "ReportCommand",
          "BenchCommand",
          "DemoCommand");

  private Commands() {}

  /** Adds every subcommand to {@code root}. */
  static void addTo(CommandLine root) {
    for (String name : CLASSES) {
      try {
        Class<?> command = Class.forName("io.sluice.cli." + name);
        root.addSubcommand(new CommandLine(command));
      } catch (ClassNotFoundException e) {
        // Not built yet.
        continue;
      }
    }
  }
}
