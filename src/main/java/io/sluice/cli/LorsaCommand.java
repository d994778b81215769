package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import picocli.CommandLine.Command;

/** {@code sluice lorsa}: attention decomposed into heads that each write one direction. */
@Command(
    name = "lorsa",
    description = {
      "Decompose an attention layer into many heads that each write one direction.",
      "Low-rank sparse attention (Lorsa) reads what attention reads and learns to write what it",
      "writes. Its heads share queries and keys in groups, which start as the model's own heads;",
      "the k with the largest activations write at a position."
    },
    subcommands = {LorsaTrainCommand.class, LorsaEvaluateCommand.class},
    commandListHeading = "%nCommands:%n",
    footer = {
      "",
      "Example:",
      "  sluice lorsa train --store attention --model model/ --layer 9 --out runs/lorsa",
      "  sluice lorsa evaluate --lorsa runs/lorsa --store attention",
      "",
      "where the store has what the layer's attention reads and writes:",
      "  sluice capture --model model/ --text novel.txt --special-tokens \\",
      "      --hooks layers.9.attn_in,layers.9.attn_out --out attention"
    })
final class LorsaCommand extends SluiceCommand {
  @Override
  protected void run() {
    throw usage("say what to do: train or evaluate");
  }
}
