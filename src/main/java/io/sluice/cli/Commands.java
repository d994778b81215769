package io.sluice.cli;

import java.util.List;
import picocli.CommandLine;

/** The subcommands, in the order in which {@code sluice --help} lists them. */
final class Commands {
  private static final List<Class<? extends SluiceCommand>> ALL =
      List.of(
          DoctorCommand.class,
          CaptureCommand.class,
          SpectrumCommand.class,
          TrainCommand.class,
          EvaluateCommand.class,
          ReportCommand.class,
          BenchCommand.class,
          DemoCommand.class);

  private Commands() {}

  /** Adds every subcommand to {@code root}. */
  static void addTo(CommandLine root) {
    for (Class<? extends SluiceCommand> command : ALL) {
      root.addSubcommand(new CommandLine(command));
    }
  }
}
