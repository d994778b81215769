package io.sluice.cli.results;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.OutputFile;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import picocli.CommandLine.Option;

/** The file of an evaluation. That it can be written is checked before the work. */
public final class EvaluationFile {
  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "Write the result to this file (default: evaluation.json beside what is measured). Tables "
              + "by feature and by position go beside it.")
  @Grouped(OptionGroup.OUTPUT)
  private Path out;

  /** Refuses that the file is to be beside what is measured. */
  public void requireGiven(SluiceCommand command) {
    if (out == null) {
      throw command.usage(
          "--out FILE is needed for a dictionary of the hub or in a single file; name a file");
    }
  }

  /**
   * Refuses a path at which no file can be written.
   *
   * @param beside the folder of what is evaluated
   */
  public void check(Path beside) throws IOException {
    if (out != null) {
      OutputFile.check("--out", out);
    } else if (Files.isDirectory(beside) && !Files.isWritable(beside)) {
      throw new IOException(
          beside
              + ": cannot be written, so evaluation.json cannot be saved there; give --out FILE");
    }
  }

  /**
   * Prints the result, then writes it: it is not lost if writing fails.
   *
   * @param text prints it for people
   * @param json whether to print it as JSON instead
   */
  public void publish(
      Evaluation evaluation,
      Path beside,
      PrintWriter printer,
      boolean json,
      Consumer<Evaluation> text)
      throws IOException {
    if (json) {
      printer.println(Evaluator.json(evaluation));
    } else {
      text.accept(evaluation);
    }
    printer.flush();
    Evaluator.writeTo(evaluation, out != null ? out : beside.resolve("evaluation.json"));
  }
}
