package io.sluice.cli.options;

import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.texts.ContextCut;
import io.sluice.cli.options.texts.TextReading;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import io.sluice.text.TextProblems;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Options for the texts that a command runs through a model, and how they are cut into contexts.
 */
@Grouped(OptionGroup.MODEL)
public final class ContextOptions {
  @Option(
      names = "--text",
      required = true,
      arity = "1..*",
      paramLabel = "PATH",
      description = "Read texts from these files, folders or patterns; - is standard input.")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<Path> texts;

  @Mixin private TextReading reading;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Stop after N tokens of text (default: all).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Long tokens;

  @Mixin private ContextCut cut;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "Run N contexts together (default: as many as have 1024 tokens on a CPU, 16384 on a "
              + "GPU).")
  private Integer batch;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    command.requirePositive("--tokens", tokens);
    cut.check(command);
    command.requirePositive("--batch", batch);
    reading.check(command, texts);
  }

  /** What the texts are read as. */
  public TextForm form() {
    return reading.form();
  }

  /** Whether contexts may overlap. */
  public boolean isStrided() {
    return cut.isStrided();
  }

  /**
   * The contexts as given, with the defaults of the model.
   *
   * @throws IOException if standard input cannot be copied
   */
  public ContextSpec spec(LoadedModel model) throws IOException {
    return cut.of(reading.of(texts), model, batch, tokens);
  }

  /** Prints problems of the texts on standard error. */
  public static void tell(SluiceCommand command, TextProblems problems) {
    if (problems != null && !problems.isEmpty()) {
      command.err().printf("texts: %s%n", ErrorLine.text(problems.summary()));
      command.err().flush();
    }
  }
}
