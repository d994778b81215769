package io.sluice.cli.options;

import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
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

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "Cut texts into contexts of N tokens, special tokens included (default: 256 for "
              + "causal models, 128 for encoders).")
  private Integer context;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Start a context every N tokens, so that contexts overlap. A token then counts once, "
              + "in the first context that has it (default: no overlap).")
  private Integer stride;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "Run N contexts together (default: as many as have 1024 tokens on a CPU, 16384 on a "
              + "GPU).")
  private Integer batch;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    requirePositive(command, "--tokens", tokens);
    requirePositive(command, "--context", context);
    requirePositive(command, "--stride", stride);
    requirePositive(command, "--batch", batch);
    reading.check(command, texts);
  }

  /** What the texts are read as. */
  public TextForm form() {
    return reading.form();
  }

  /** Whether contexts may overlap. */
  public boolean isStrided() {
    return stride != null;
  }

  /**
   * The contexts as given, with the defaults of the model.
   *
   * @throws IOException if standard input cannot be copied
   */
  public ContextSpec spec(LoadedModel model) throws IOException {
    int length = context == null ? ContextSpec.defaultContext(model) : context;
    return new ContextSpec(
        reading.of(texts),
        length,
        stride == null ? 0 : stride,
        batch == null ? ContextSpec.defaultBatch(length, model) : batch,
        tokens == null ? Long.MAX_VALUE : tokens);
  }

  /** Prints problems of the texts on standard error. */
  public static void tell(SluiceCommand command, TextProblems problems) {
    if (problems != null && !problems.isEmpty()) {
      command.err().printf("texts: %s%n", ErrorLine.text(problems.summary()));
      command.err().flush();
    }
  }

  private static void requirePositive(SluiceCommand command, String option, Number value) {
    if (value != null && value.longValue() < 1) {
      throw command.usage(option + " is " + value + "; give a number of at least 1");
    }
  }
}
