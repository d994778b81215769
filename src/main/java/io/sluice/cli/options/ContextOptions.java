package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextProblems;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which texts a command runs through a model, and how they are cut. */
public final class ContextOptions {
  @Option(
      names = "--text",
      required = true,
      arity = "1..*",
      paramLabel = "PATH",
      description =
          "Texts: files, folders, or patterns in quotes ('data/**/*.jsonl'). Plain text is one "
              + "document per file; .jsonl, .ndjson and .json hold one per line, Parquet one per row;"
              + " gzip, Zstandard, UTF-16 and UTF-32 are unpacked and read.")
  private List<Path> texts;

  @Mixin private TextReading reading;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Stop after N tokens of text (default: the whole text).")
  private Long tokens;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "Tokens per context, special tokens included (default: 256 for causal models, 128 for"
              + " encoders).")
  private Integer context;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Tokens from one context's beginning to the next (default: contexts do not overlap)."
              + " Where they overlap, a token counts once, in the first context that has it.")
  private Integer stride;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description =
          "Contexts that run together (default: as many as have 1024 tokens on a CPU, 16384 on a GPU).")
  private Integer batch;

  /** Complains about values that cannot be meant, before any work. */
  public void check(SluiceCommand command) {
    requirePositive(command, "--tokens", tokens);
    requirePositive(command, "--context", context);
    requirePositive(command, "--stride", stride);
    requirePositive(command, "--batch", batch);
    reading.check(command);
  }

  /** Whether contexts may overlap. */
  public boolean isStrided() {
    return stride != null;
  }

  /** What was asked for, and where nothing was, what suits the model. */
  public ContextSpec spec(LoadedModel model) {
    int length = context == null ? ContextSpec.defaultContext(model) : context;
    return new ContextSpec(
        reading.of(texts),
        length,
        stride == null ? 0 : stride,
        batch == null ? ContextSpec.defaultBatch(length, model) : batch,
        tokens == null ? Long.MAX_VALUE : tokens);
  }

  /** Tells on standard error what was wrong with the texts. */
  public static void tell(SluiceCommand command, TextProblems problems) {
    if (problems != null && !problems.isEmpty()) {
      command.err().printf("texts: %s%n", problems.summary());
      command.err().flush();
    }
  }

  private static void requirePositive(SluiceCommand command, String option, Number value) {
    if (value != null && value.longValue() < 1) {
      throw command.usage(option + " is " + value + "; give a number of at least 1");
    }
  }
}
