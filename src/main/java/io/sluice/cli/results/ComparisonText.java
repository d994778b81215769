package io.sluice.cli.results;

import io.sluice.features.compare.Comparison;
import java.io.PrintWriter;
import java.util.Locale;

/** Prints a comparison of two dictionaries. */
public final class ComparisonText {
  private final Comparison result;

  public ComparisonText(Comparison result) {
    this.result = result;
  }

  public void print(PrintWriter out) {
    line(out, "A has %,d features, B %,d.", result.featuresA(), result.featuresB());
    line(
        out,
        "Mean max cosine similarity of decoder rows: %.4f of A with B, %.4f of B with A",
        result.meanMaxCosineA(),
        result.meanMaxCosineB());
    line(out, "");
    line(out, "cosine  A with a match  B with a match  one to one");
    for (Comparison.Share share : result.stable()) {
      line(
          out,
          "%6.2f%14.1f %%%14.1f %%%10.1f %%",
          share.cosine(),
          100 * share.bestA(),
          100 * share.bestB(),
          100 * share.oneToOne());
    }
    oneToOne(out, "cosine", result.oneToOne());
    unstable(out, "A", "B", result.unstableA());
    unstable(out, "B", "A", result.unstableB());
    if (result.coActivation() != null) {
      fired(out, result.coActivation());
    }
  }

  private static void oneToOne(PrintWriter out, String by, Comparison.OneToOne pairs) {
    line(
        out,
        "One to one by %s: %,d pairs, mean %.4f; no other matching has a mean above %.4f",
        by,
        pairs.pairs(),
        pairs.mean(),
        pairs.mean() + pairs.gap());
  }

  private static void unstable(
      PrintWriter out, String name, String other, Comparison.Unstable unstable) {
    line(out, "");
    if (unstable == null) {
      line(out, "%s has no unstable features (best cosine below %.1f).", name, Comparison.STABLE);
      return;
    }
    if (unstable.dimension() == null) {
      line(
          out,
          "%,d features of %s are unstable (best cosine below %.1f); their rows over all hook points"
              + " are too wide to find directions",
          unstable.features(),
          name,
          Comparison.STABLE);
      return;
    }
    line(
        out,
        "%,d features of %s are unstable (best cosine below %.1f). 99 %% of their decoder rows lie in"
            + " %,d directions; participation ratio %.1f",
        unstable.features(),
        name,
        Comparison.STABLE,
        unstable.dimension(),
        unstable.participation());
    if (unstable.otherInside() != null) {
      line(
          out,
          "  Of the unstable rows of %s, %.1f %% lie in as many leading directions as that ratio"
              + " (%.1f %% by chance)",
          other,
          100 * unstable.otherInside(),
          100 * unstable.chance());
    }
    if (unstable.active() != null) {
      line(
          out,
          "  Inside the active subspace: %.1f %%%s",
          100 * unstable.active(),
          unstable.stableActive() == null
              ? ""
              : String.format(
                  Locale.ROOT, "; of the stable ones %.1f %%", 100 * unstable.stableActive()));
    }
  }

  private static void fired(PrintWriter out, Comparison.CoActivation fired) {
    line(out, "");
    line(
        out,
        "On %,d tokens %,d features of A and %,d of B fire. Mean Jaccard index of the best match:"
            + " %.4f of A with B, %.4f of B with A",
        fired.tokens(),
        fired.firingA(),
        fired.firingB(),
        fired.meanBestA(),
        fired.meanBestB());
    oneToOne(out, "Jaccard index", fired.oneToOne());
    line(
        out,
        "The best match by cosine is the best by firing for %.1f %% of A; pairs by cosine have a mean"
            + " index of %.4f",
        100 * fired.agree(),
        fired.ofPairs());
  }

  private static void line(PrintWriter out, String format, Object... values) {
    out.printf(Locale.ROOT, format + "%n", values);
  }
}
