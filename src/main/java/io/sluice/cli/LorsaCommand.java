package io.sluice.cli;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import picocli.CommandLine.Command;

/** {@code sluice lorsa}: decomposes attention into heads that each write one direction. */
@Command(
    name = "lorsa",
    subcommands = {LorsaTrainCommand.class, LorsaEvaluateCommand.class},
    customSynopsis = "sluice lorsa COMMAND [OPTION...]",
    description = {
      "Decompose an attention layer into sparse heads of one direction each.",
      "Low-rank sparse attention (Lorsa) reads what attention reads and learns to write "
          + "what attention writes. Its heads share queries and keys in groups, which start as "
          + "the model's own heads. Only the k heads with the largest activations write at a "
          + "position.",
      "The store needs what the layer's attention reads and writes, as the last example " + "shows."
    })
@Examples({
  "sluice lorsa train --store attention --model model/ --layer 9 --out runs/lorsa",
  "sluice lorsa evaluate --lorsa runs/lorsa --store attention",
  "sluice capture --model model/ --text novel.txt --special-tokens --hooks "
      + "layers.9.attn_in,layers.9.attn_out --out attention"
})
final class LorsaCommand extends SluiceCommand {
  @Override
  protected void run() {
    throw usage("give a command: train or evaluate");
  }
}
