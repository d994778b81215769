package io.sluice.cli.results;

import io.sluice.report.Spectra;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Prints spectra as tables: one for each measure, with a row per layer and a column per kind of
 * hook point.
 */
public final class SpectrumTable {
  private static final int CELL = 14;

  private final Spectra spectra;
  private final List<String> kinds;
  private final int[] layers;

  public SpectrumTable(Spectra spectra) {
    this.spectra = spectra;
    this.kinds = spectra.hooks().stream().map(Spectra.Hook::kind).distinct().toList();
    this.layers = spectra.hooks().stream().mapToInt(Spectra.Hook::layer).distinct().toArray();
  }

  public void print(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%s%s: %,d tokens%n",
        spectra.model().isEmpty() ? "" : spectra.model() + " over ",
        spectra.text(),
        spectra.tokens());
    out.printf(
        Locale.ROOT,
        "%nDirections that hold %s %% of the variance, and their share of d%n",
        percent(spectra.tau()));
    block(out, Spectra.Hook::intrinsicDimension, "%.0f");
    out.printf("%nEffective rank (entropy of the singular values), and its share of d%n");
    block(out, Spectra.Hook::effectiveRank, "%.1f");
    out.printf("%nParticipation ratio, and its share of d%n");
    block(out, Spectra.Hook::participationRatio, "%.1f");
    if (spectra.hooks().stream().allMatch(hook -> hook.outlierSeverity() != null)) {
      out.printf("%nMean over variation, γ = ‖μ‖ / ‖σ‖: above 1 the mean dominates%n");
      severities(out);
    }
    if (!spectra.outputProjections().isEmpty()) {
      projections(out);
    }
  }

  private void block(PrintWriter out, ToDoubleFunction<Spectra.Hook> measure, String format) {
    layers(out, hook -> cell(measure.applyAsDouble(hook), hook.width(), format));
    out.print(" mean");
    for (String kind : kinds) {
      double share =
          hooks(kind)
              .mapToDouble(hook -> measure.applyAsDouble(hook) / hook.width())
              .average()
              .orElse(0);
      out.print(right(String.format(Locale.ROOT, "%.0f %%", 100 * share)));
    }
    out.println();
  }

  private void severities(PrintWriter out) {
    layers(out, hook -> String.format(Locale.ROOT, "%.2f", hook.outlierSeverity()));
  }

  /** A line for each layer with a cell for each kind of hook point. */
  private void layers(PrintWriter out, Function<Spectra.Hook, String> cell) {
    out.print("layer");
    kinds.forEach(kind -> out.print(right(kind)));
    out.println();
    for (int layer : layers) {
      out.printf(Locale.ROOT, "%5d", layer);
      for (String kind : kinds) {
        out.print(
            right(
                hooks(kind)
                    .filter(hook -> hook.layer() == layer)
                    .map(cell)
                    .findFirst()
                    .orElse("-")));
      }
      out.println();
    }
  }

  private Stream<Spectra.Hook> hooks(String kind) {
    return spectra.hooks().stream().filter(hook -> hook.kind().equals(kind));
  }

  private void projections(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%nOutput projections W_O: directions that hold %s %%, effective rank, and the mean overlap%n"
            + "of two heads' output spaces (mean squared cosine; %.2f for random spaces)%n",
        percent(spectra.tau()),
        1.0 / spectra.outputProjections().getFirst().heads());
    out.printf("layer%s%s%s%n", right("directions"), right("eff. rank"), right("overlap"));
    for (Spectra.OutputProjection projection : spectra.outputProjections()) {
      int d = projection.singularValues().length;
      out.printf(
          Locale.ROOT,
          "%5d%s%s%s%n",
          projection.layer(),
          right(cell(projection.intrinsicDimension(), d, "%.0f")),
          right(cell(projection.effectiveRank(), d, "%.1f")),
          right(String.format(Locale.ROOT, "%.3f", meanOverlap(projection.headOverlap()))));
    }
  }

  private static double meanOverlap(double[][] overlap) {
    return IntStream.range(0, overlap.length)
        .boxed()
        .flatMapToDouble(
            i ->
                IntStream.range(0, overlap.length)
                    .filter(j -> j != i)
                    .mapToDouble(j -> overlap[i][j]))
        .average()
        .orElse(0);
  }

  private static String cell(double value, int width, String format) {
    return String.format(Locale.ROOT, format + " %3.0f %%", value, 100 * value / width);
  }

  private static String right(String text) {
    return String.format(Locale.ROOT, "  %" + CELL + "s", text);
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.4f", 100 * share).replaceAll("\\.?0+$", "");
  }
}
