package io.sluice.cli.options.texts;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextForm;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Whether contexts begin with the model's beginning-of-text token. */
@Grouped(OptionGroup.MODEL)
public final class BosOption {
  @Option(
      names = "--bos",
      negatable = true,
      fallbackValue = "true",
      description =
          "Begin each context with the model's beginning-of-text token even if its tokenizer adds "
              + "none, as SAELens's prepend_bos; --no-bos leaves it out (default: as the store or "
              + "dictionary was made, else as the tokenizer says).")
  private Boolean bos;

  /** Whether it is said either way. */
  public boolean isAsked() {
    return bos != null;
  }

  /** Rejects it for texts whose beginning is their own. */
  public void requireText(SluiceCommand command, TextForm form) {
    if (isAsked() && form != TextForm.TEXT) {
      throw command.usage(
          "--bos and --no-bos are for texts; with --text-as "
              + form.label()
              + " contexts begin as they are given");
    }
  }

  /**
   * A model that was just opened, as asked; where nothing was asked, as something was made with it.
   *
   * @param recorded whether its contexts began with a special token then; empty if that is unknown,
   *     and the tokenizer decides
   * @throws IllegalArgumentException if they are to begin with a token that its files do not name;
   *     the model is closed then
   */
  public LoadedModel opened(LoadedModel model, Optional<Boolean> recorded) {
    try {
      return applied(model, recorded);
    } catch (IllegalArgumentException e) {
      model.close();
      throw e;
    }
  }

  /** The same of a model that the caller closes. */
  public LoadedModel applied(LoadedModel model, Optional<Boolean> recorded) {
    try {
      return bos == null ? model.beginningAs(recorded) : model.withBeginning(bos);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          bos == null
              ? e.getMessage() + ", but what it is to reproduce began with one; give --no-bos"
              : e.getMessage() + "; leave --bos out",
          e);
    }
  }
}
