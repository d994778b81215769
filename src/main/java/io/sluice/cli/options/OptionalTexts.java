package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for texts of commands that can do without. */
@Grouped(OptionGroup.MODEL)
public final class OptionalTexts {
  @Option(
      names = "--text",
      arity = "1..*",
      paramLabel = "PATH",
      description =
          "Run --model on the texts in these files, folders or patterns, as 'sluice capture' "
              + "does.")
  private List<Path> texts;

  @Mixin private TextReading reading;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Stop after N tokens of those texts (default: all).")
  private Long tokens;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "Cut those texts into contexts of N tokens (default: 256 for causal models, 128 for "
              + "encoders).")
  private Integer context;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    for (Number number : new Number[] {tokens, context}) {
      if (number != null && number.longValue() < 1) {
        throw command.usage("--tokens and --context must be at least 1, not " + number);
      }
    }
    reading.check(command);
  }

  /** Whether texts are given. */
  public boolean areGiven() {
    return texts != null;
  }

  /** Tokens to read; 0 where that is not known. */
  public long total() {
    return tokens == null ? 0 : tokens;
  }

  /** The contexts as given, with the defaults of the model. */
  public ContextSpec spec(LoadedModel model) {
    int length = context == null ? ContextSpec.defaultContext(model) : context;
    return new ContextSpec(
        reading.of(texts),
        length,
        0,
        ContextSpec.defaultBatch(length, model),
        tokens == null ? Long.MAX_VALUE : tokens);
  }
}
