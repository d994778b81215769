package io.sluice.cli.results;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.OutputFile;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.files.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where an evaluation is written; that it can be is found out before the work. */
public final class EvaluationFile {
  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "Write the result to this file (default: evaluation.json beside what is measured).")
  @Grouped(OptionGroup.OUTPUT)
  private Path out;

  /**
   * Refuses a place that takes no file.
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

  /** Writes the result, which was printed before: it is not lost if this fails. */
  public void write(Evaluation evaluation, Path beside) throws IOException {
    AtomicFile.write(
        out != null ? out : beside.resolve("evaluation.json"), Evaluator.json(evaluation));
  }
}
