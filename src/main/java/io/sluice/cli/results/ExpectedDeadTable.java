package io.sluice.cli.results;

import io.sluice.report.Spectra;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Prints predictions of dead features as a table, and what to do about them. */
public final class ExpectedDeadTable {
  /** Shares below this need no remedy. */
  private static final double FEW = 0.01;

  private static final int CELL = 16;

  private final Spectra spectra;

  public ExpectedDeadTable(Spectra spectra) {
    this.spectra = spectra;
  }

  public void print(PrintWriter out) {
    int name = spectra.hooks().stream().mapToInt(hook -> hook.hook().length()).max().orElse(4);
    int k = spectra.hooks().getFirst().expectedDead().getFirst().k();
    out.printf(
        Locale.ROOT,
        "%nExpected share of features that never fire in the first N tokens if rows stay as they"
            + " start, k %,d%n",
        k);
    out.printf("%-" + name + "s%10s%11s", "hook", "features", "N");
    for (String column : List.of("random", "random, centred", "ASI", "ASI, centred")) {
      out.printf("  %" + CELL + "s", column);
    }
    out.println();
    for (Spectra.Hook hook : spectra.hooks()) {
      List<Spectra.ExpectedDead> all = hook.expectedDead();
      // random, random centred, ASI, ASI centred: four in a line.
      for (int i = 0; i < all.size(); i += 4) {
        Spectra.ExpectedDead first = all.get(i);
        out.printf(
            Locale.ROOT,
            "%-" + name + "s%,10d%,11d",
            hook.hook(),
            first.features(),
            first.tokens());
        for (Spectra.ExpectedDead each : all.subList(i, i + 4)) {
          out.printf("  %" + CELL + "s", percent(each.share()));
        }
        out.println();
      }
    }
    recipe(out);
  }

  private void recipe(PrintWriter out) {
    double uncentred = worst("asi", false);
    double random = worst("random", true);
    double best = worst("asi", true);
    List<String> steps = new ArrayList<>();
    if (worst("random", false) <= FEW) {
      steps.add("none is needed: every start expects at most " + percent(FEW) + " dead");
    } else {
      if (uncentred > FEW) {
        steps.add(
            "centre the activations, as 'sluice train' does unless told otherwise (%s instead of %s at the worst, with ASI)"
                .formatted(percent(best), percent(uncentred)));
      }
      if (random > FEW || uncentred <= FEW) {
        steps.add(
            "start in the active subspace (--init asi, the default; %s instead of %s at the worst, centred)"
                .formatted(percent(best), percent(random)));
      }
      if (best > FEW) {
        steps.add(
            "as %s are still expected, also take fewer features, a larger k or AuxK (--auxk)"
                .formatted(percent(best)));
      }
    }
    out.printf("%nRemedy%n");
    steps.forEach(step -> out.printf("- %s%n", step));
  }

  private double worst(String init, boolean centred) {
    return spectra.hooks().stream()
        .flatMap(hook -> hook.expectedDead().stream())
        .filter(each -> each.init().equals(init) && each.centred() == centred)
        .mapToDouble(Spectra.ExpectedDead::share)
        .max()
        .orElse(0);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }
}
