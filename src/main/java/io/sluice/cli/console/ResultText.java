package io.sluice.cli.console;

import io.sluice.store.HeldOut;
import io.sluice.training.run.RunResult;
import java.io.PrintWriter;
import java.util.Locale;

/**
 * Prints the result of a training; the FVU on held-out tokens comes first.
 *
 * @param parts the plural name of what fires, for instance {@code features}
 * @param count their number
 */
public record ResultText(String parts, int count) {
  public void print(RunResult result, HeldOut heldOut, PrintWriter out) {
    if (result.heldOutFvu() != null) {
      out.printf(
          Locale.ROOT,
          "FVU        %.4f, held-out (%,d tokens, never trained on)%n",
          result.heldOutFvu(),
          result.heldOutTokens());
    } else {
      out.printf(
          "FVU        held-out: not measured; %s%n",
          heldOut.isEmpty() ? heldOut.sentence() : "all held-out tokens are the same");
    }
    out.printf(
        Locale.ROOT,
        "FVU        %.4f, last %,d steps (trained on)%n",
        result.fvu(),
        result.fvuSteps());
    out.printf(Locale.ROOT, "L0         %.1f%n", result.l0());
    out.printf(
        Locale.ROOT,
        "dead       %.2f%% (%s)%n",
        100 * result.deadFraction(),
        dead(result.deadFraction(), count, parts, result.deadWindowTokens(), "tokens of training"));
  }

  /** Explains the dead fraction: how many features of how many, and in which window. */
  public static String dead(double fraction, long count, String parts, long window, String tokens) {
    return String.format(
        Locale.ROOT,
        "%,d of %,d %s: no firing in the last %,d %s",
        Math.round(fraction * count),
        count,
        parts,
        window,
        tokens);
  }
}
