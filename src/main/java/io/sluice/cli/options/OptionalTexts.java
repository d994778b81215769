package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.texts.BosOption;
import io.sluice.cli.options.texts.TextReading;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
          "Run --model on the texts in these files, folders or patterns, or from standard input (-), "
              + "as 'sluice capture' does.")
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

  @Mixin private BosOption bos;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    for (Number number : new Number[] {tokens, context}) {
      if (number != null && number.longValue() < 1) {
        throw command.usage("--tokens and --context must be at least 1, not " + number);
      }
    }
    reading.check(command, texts);
    if (texts == null && bos.isAsked()) {
      throw command.usage("--bos and --no-bos say how --text is read; give both, or neither");
    }
    bos.requireText(command, reading.form());
  }

  /** Whether texts are given. */
  public boolean areGiven() {
    return texts != null;
  }

  /** Tokens to read; 0 where that is not known. */
  public long total() {
    return tokens == null ? 0 : tokens;
  }

  /**
   * Opens the model that is to read the texts.
   *
   * @param model a path or a name
   * @param recorded whether contexts began with a special token before; empty if that is unknown
   * @throws IOException if a file is missing or damaged
   * @throws IllegalArgumentException if contexts are to begin with a token that the model's files
   *     do not name
   */
  public LoadedModel open(SluiceCommand command, Path model, Device on, Optional<Boolean> recorded)
      throws IOException {
    boolean isText = reading.form() == TextForm.TEXT;
    boolean needsTokenizer = reading.form() != TextForm.TOKEN_IDS;
    LoadedModel opened = LoadedModel.open(HubFiles.files(command, model, null, needsTokenizer), on);
    return isText ? bos.opened(opened, recorded) : opened;
  }

  /**
   * The contexts as given, with the defaults of the model.
   *
   * @throws IOException if standard input cannot be copied
   */
  public ContextSpec spec(LoadedModel model) throws IOException {
    return ContextSpec.of(reading.of(texts), model, context, null, null, tokens);
  }
}
