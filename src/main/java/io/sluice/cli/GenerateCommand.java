package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Values;
import io.sluice.cli.options.ModelOptions;
import io.sluice.model.capture.Generation;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice generate}: continues a text, to see that a model is right. */
@Command(
    name = "generate",
    description = {
      "Continue a text, to check that a model was read correctly.",
      "The most probable token is taken each time, or one is drawn with --temperature. Ends where",
      "the model says that the text is over, or at its longest context."
    },
    footer = {
      "",
      "Example:",
      "  sluice generate --model model/ --prompt 'Call me Ishmael.' --tokens 40",
      "  sluice generate --model model/ --prompt 'Call me' --temperature 0.8 --top-p 0.9 --seed 7"
    })
final class GenerateCommand extends SluiceCommand {
  @Mixin private ModelOptions model;

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      converter = Values.AnyText.class,
      description = "The beginning.")
  private String prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "40",
      description = "How many tokens to add at most (default: 40).")
  private int tokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "What logits are divided by before a token is drawn with --seed; 0 takes the most"
              + " probable (default: 0).")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Draw among the K most probable tokens; 0 for all (default: 0).")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Draw among the most probable tokens that reach a probability of P together, of those"
              + " that --top-k leaves; 1 for all (default: 1).")
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
