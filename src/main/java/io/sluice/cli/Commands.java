package io.sluice.cli;

import io.sluice.cli.audit.AuditCommand;
import io.sluice.cli.console.SluiceCommand;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;

/** The subcommands, in the order in which {@code sluice --help} lists them. */
public final class Commands {
  private static final List<Class<? extends SluiceCommand>> ALL =
      List.of(
          DoctorCommand.class,
          CaptureCommand.class,
          SpectrumCommand.class,
          TrainCommand.class,
          SweepCommand.class,
          EvaluateCommand.class,
          FeaturesCommand.class,
          CompareCommand.class,
          LorsaCommand.class,
          LossCommand.class,
          GenerateCommand.class,
          ConvertCommand.class,
          AuditCommand.class,
          ReportCommand.class,
          BrowseCommand.class,
          BenchCommand.class,
          DemoCommand.class,
          HelpCommand.class);

  private Commands() {}

  /** Adds every subcommand to {@code root}. */
  static void addTo(CommandLine root) {
    for (Class<? extends SluiceCommand> command : ALL) {
      root.addSubcommand(new CommandLine(command));
    }
  }

  /**
   * Adds the subcommand called {@code wanted} to {@code root}, and of the others what {@code sluice
   * --help} shows: reading the options of all takes a sixth of the time that help takes.
   */
  static void addTo(CommandLine root, String wanted) {
    for (Class<? extends SluiceCommand> command : ALL) {
      Command described = command.getAnnotation(Command.class);
      if (described.name().equals(wanted)) {
        root.addSubcommand(new CommandLine(command));
      } else {
        CommandSpec named = CommandSpec.create().name(described.name());
        named.usageMessage().description(described.description());
        root.addSubcommand(described.name(), named);
      }
    }
  }
}
