package io.sluice.cli.results;

import io.sluice.cli.console.ConsolePrinter;
import io.sluice.features.Feature;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Prints one feature for a terminal: its numbers, its histogram, its effects, and the contexts in
 * which it fires.
 *
 * @param out where to
 * @param colours whether it shows colours
 * @param columns its width
 */
public record FeatureText(PrintWriter out, boolean colours, int columns) {
  private static final int BAR = 40;
  private static final int HEADS = 6;
  private static final String INDENT = "    ";

  /** Prints the feature. */
  public void print(Feature feature) {
    summary(feature);
    line(
        "rows: encoder norm %.3f, decoder norm %.3f%s%s",
        feature.encoderNorm(),
        feature.decoderNorm(),
        feature.cosine() == null
            ? ""
            : String.format(Locale.ROOT, ", cosine of the two %.3f", feature.cosine()),
        feature.activeShare() == null
            ? ""
            : String.format(
                Locale.ROOT, ", %s in the active subspace", percent(feature.activeShare())));
    effects("promotes", feature.promotes());
    effects("suppresses", feature.suppresses());
    heads(feature.heads());
    if (feature.group() != null) {
      line("attends with the queries and keys of group %d", feature.group());
    }
    if (!feature.similar().isEmpty()) {
      line(
          "similar: %s",
          feature.similar().stream()
              .map(
                  other -> String.format(Locale.ROOT, "%d (%.2f)", other.feature(), other.cosine()))
              .collect(Collectors.joining(", ")));
    }
    histogram(feature.histogram());
    contexts("fires most in", feature.top(), feature.max());
    contexts("and less in", feature.lower(), feature.max());
    marks(feature);
  }

  /** Prints how often the feature fires, and its first contexts. */
  public void printBriefly(Feature feature, int contexts) {
    summary(feature);
    contexts(
        "fires most in",
        feature.top().subList(0, Math.min(contexts, feature.top().size())),
        feature.max());
    marks(feature);
  }

  private void summary(Feature feature) {
    line(
        "feature %d: fires on %s of the tokens (%,d), mean %.3f, max %.3f%s",
        feature.feature(),
        percent(feature.density()),
        feature.count(),
        feature.mean(),
        feature.max(),
        feature.dead() ? "; dead" : "");
  }

  private void marks(Feature feature) {
    if (!colours && !feature.top().isEmpty()) {
      line("");
      line("[ ] marks tokens on which it fires, [[ ]] those with half of its maximum or more");
    }
  }

  private void effects(String what, List<Feature.Effect> effects) {
    if (!effects.isEmpty()) {
      own(
          what
              + ": "
              + effects.stream()
                  .map(
                      effect ->
                          "'"
                              + TokenShading.printable(effect.text())
                              + String.format(Locale.ROOT, "' %+.2f", effect.logit()))
                  .collect(Collectors.joining(", ")));
    }
  }

  private void heads(List<Float> shares) {
    if (shares.isEmpty()) {
      return;
    }
    double biases = 1 - shares.stream().mapToDouble(Float::doubleValue).sum();
    line(
        "heads: %s; biases %s",
        IntStream.range(0, shares.size())
            .boxed()
            .sorted((a, b) -> Float.compare(Math.abs(shares.get(b)), Math.abs(shares.get(a))))
            .limit(HEADS)
            .map(head -> head + " " + percent(shares.get(head)))
            .collect(Collectors.joining(", ")),
        percent(biases));
  }

  private void histogram(List<Feature.Bin> bins) {
    long most = bins.stream().mapToLong(Feature.Bin::count).max().orElse(0);
    if (most == 0) {
      return;
    }
    line("");
    line("activations");
    int from = 0;
    int to = bins.size();
    while (bins.get(from).count() == 0) {
      from++;
    }
    while (bins.get(to - 1).count() == 0) {
      to--;
    }
    for (Feature.Bin bin : bins.subList(from, to)) {
      int length = (int) Math.ceil((double) BAR * bin.count() / most);
      line(
          "%s%9s to %-9s %s %,d",
          INDENT, number(bin.from()), number(bin.to()), "#".repeat(length), bin.count());
    }
  }

  private void contexts(String title, List<Feature.Context> contexts, float max) {
    if (contexts.isEmpty()) {
      return;
    }
    line("");
    line("%s", title);
    TokenShading shading = new TokenShading(colours, max);
    for (Feature.Context context : contexts) {
      line(
          "%8.3f  %s, token %,d",
          context.activation(),
          context.document() == null ? "document unknown" : context.document(),
          context.position());
      tokens(context.tokens(), shading);
    }
  }

  /** Prints tokens in lines of the terminal's width. */
  void tokens(List<Feature.Token> tokens, TokenShading shading) {
    StringBuilder line = new StringBuilder(INDENT);
    int used = INDENT.length();
    for (Feature.Token token : tokens) {
      int columns = shading.columns(token.text(), token.activation());
      if (used > INDENT.length() && used + columns > this.columns) {
        own(line.toString());
        line.setLength(INDENT.length());
        used = INDENT.length();
      }
      line.append(shading.of(token.text(), token.activation()));
      used += columns;
    }
    own(line.toString());
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value >= 0.01 && value < 10_000 ? "%.3g" : "%.1e", value);
  }

  private static String percent(double share) {
    double percent = 100 * share;
    return String.format(
        Locale.ROOT, Math.abs(percent) >= 10 || percent == 0 ? "%.0f %%" : "%.2g %%", percent);
  }

  private void line(String format, Object... values) {
    out.printf(Locale.ROOT, format + "%n", values);
  }

  /** Prints text that is escaped already and may have colours. */
  private void own(String text) {
    ConsolePrinter.printOwn(out, text);
    out.println();
  }
}
