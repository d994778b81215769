package io.sluice.cli.audit;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.texts.TextReading;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the texts of an audit. */
@Grouped(OptionGroup.MODEL)
final class AuditTexts {
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
      defaultValue = "16384",
      description =
          "Measure on N tokens of text; more tell dead features better from rare ones (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private long tokens;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "Cut texts into contexts of N tokens, special tokens included (default: 256 for "
              + "causal models, 128 for encoders).")
  private Integer context;

  /** Rejects invalid values before any work. */
  void check(SluiceCommand command) {
    if (tokens < 1 || context != null && context < 1) {
      throw command.usage(
          "--tokens and --context must be at least 1, not " + (tokens < 1 ? tokens : context));
    }
    reading.check(command, texts);
    if (reading.form() != TextForm.TEXT) {
      throw command.usage(
          "--text-as is text here: an audit begins each context with and without the"
              + " beginning-of-text token, and token ids begin as they are");
    }
  }

  /** The contexts as given, with the defaults of the model. */
  ContextSpec spec(LoadedModel model) throws IOException {
    return ContextSpec.of(reading.of(texts), model, context, null, null, tokens);
  }
}
