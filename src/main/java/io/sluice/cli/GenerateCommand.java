package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Values;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.ModelOptions;
import io.sluice.model.capture.Generation;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice generate}: continues a text, to check that a model is read correctly. */
@Command(
    name = "generate",
    description = {
      "Continue a text, to check that a model is read correctly.",
      "Each token is the most probable one, or is drawn with --temperature. The text ends "
          + "with the model's end-of-text token, or at its longest context. --model is as in 'sluice "
          + "capture'."
    })
@Examples({
  "sluice generate --model model/ --prompt 'Call me Ishmael.' --tokens 40",
  "sluice generate --model model/ --prompt 'Call me' --temperature 0.8 --top-p 0.9 " + "--seed 7"
})
final class GenerateCommand extends SluiceCommand {
  @Mixin private ModelOptions model;

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      converter = Values.AnyText.class,
      description = "Continue this text.")
  @Grouped(OptionGroup.ESSENTIAL)
  private String prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "40",
      description = "Add at most N tokens (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int tokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "Divide logits by T and draw a token with --seed; 0 takes the most probable token "
              + "(default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description =
          "Draw among the K most probable tokens; 0 draws among all (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Of those, draw among the most probable tokens whose probabilities add up to P; 1 "
              + "draws among all (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private double topP;

  @Override
  protected void run() throws IOException {
    model.check(this);
    Generation generation;
    try {
      generation = new Generation(tokens, temperature, topK, topP, seed());
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    try (LoadedModel loaded = model.open(this)) {
      out().println(generation.run(loaded, prompt));
    }
  }
}
