package io.sluice.cli.options.texts;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextSpec;
import picocli.CommandLine.Option;

/** How texts are cut into contexts, which may overlap. */
@Grouped(OptionGroup.MODEL)
public final class ContextCut {
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

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    command.requirePositive("--context", context);
    command.requirePositive("--stride", stride);
  }

  /** Whether a length is given, as opposed to the model's default. */
  public boolean hasLength() {
    return context != null;
  }

  /** Whether contexts may overlap. */
  public boolean isStrided() {
    return stride != null;
  }

  /**
   * Contexts cut so, with the defaults of a model.
   *
   * @param batch contexts that run together; null for the default
   * @param tokens the most that are read; null for all
   */
  public ContextSpec of(TextSpec texts, LoadedModel model, Integer batch, Long tokens) {
    return ContextSpec.of(texts, model, context, stride, batch, tokens);
  }
}
