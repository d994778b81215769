package io.sluice.report.audit;

import io.sluice.audit.Finding;
import io.sluice.audit.Measured;
import io.sluice.audit.Outcome;
import io.sluice.model.HookKind;
import io.sluice.page.HtmlPage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/**
 * Dead features against the effective rank of the place that a dictionary reads, as SVG: the figure
 * of arXiv 2508.16929. Dictionaries that are not where their configuration says are hollow.
 */
final class RankFigure {
  private static final int WIDTH = 760;
  private static final int HEIGHT = 430;
  private static final int LEFT = 56;
  private static final int RIGHT = 16;
  private static final int TOP = 34;
  private static final int BOTTOM = 52;

  /** With more points their names would cover each other. */
  private static final int MOST_NAMES = 16;

  private static final int LONGEST_NAME = 32;

  /** From one name to the next below it. */
  private static final int LINE = 14;

  /** About the width of a letter. */
  private static final double LETTER = 6.6;

  /** From the middle of a point to its name. */
  private static final int GAP = 11;

  /** A part of the plane that something covers. */
  private record Box(double left, double top, double width, double height) {
    boolean overlaps(Box other) {
      return left < other.left + other.width
          && other.left < left + width
          && top < other.top + other.height
          && other.top < top + height;
    }
  }

  private final List<Finding> shown;
  private final double highest;
  private final StringBuilder svg = new StringBuilder();

  private RankFigure(List<Finding> shown) {
    this.shown = shown;
    double most = shown.stream().mapToDouble(each -> each.place().deadFraction()).max().orElse(1);
    this.highest = most > 0.5 ? 1 : most > 0.2 ? 0.5 : most > 0.1 ? 0.2 : 0.1;
  }

  /** The figure; empty if no dictionary has a place. */
  static String of(List<Finding> findings) {
    List<Finding> shown = findings.stream().filter(each -> each.place() != null).toList();
    return shown.isEmpty() ? "" : new RankFigure(shown).draw();
  }

  private String draw() {
    line(
        "<svg class=\"rank\" viewBox=\"0 0 %s %s\" role=\"img\" aria-label=\"%s\">",
        WIDTH, HEIGHT, HtmlPage.escape(description()));
    axes();
    List<HookKind> kinds = kinds();
    for (int i = 0; i < kinds.size(); i++) {
      double x = LEFT + 8 + 120.0 * i;
      line(
          "<circle cx=\"%s\" cy=\"12\" r=\"5\" style=\"fill:%s\"/><text x=\"%s\" y=\"16\">%s</text>",
          number(x), colour(kinds.get(i)), number(x + 10), kinds.get(i).label());
    }
    // A hollow point does not hide one that is filled.
    shown.stream().filter(each -> each.outcome() != Outcome.RIGHT).forEach(this::point);
    shown.stream().filter(each -> each.outcome() == Outcome.RIGHT).forEach(this::point);
    names();
    line("</svg>");
    return svg.toString();
  }

  private String description() {
    List<String> points = new ArrayList<>();
    for (Finding each : shown) {
      points.add(
          String.format(
              Locale.ROOT,
              "%s %.1f %% dead at rank %.2f of the width",
              each.name(),
              100 * each.place().deadFraction(),
              each.place().effectiveRankRatio()));
    }
    return "Dead features against effective rank: " + String.join("; ", points);
  }

  private void axes() {
    for (int i = 0; i <= 5; i++) {
      double share = i / 5.0;
      line(
          "<line class=\"grid\" x1=\"%s\" x2=\"%s\" y1=\"%s\" y2=\"%s\"/>",
          LEFT, WIDTH - RIGHT, number(y(share * highest)), number(y(share * highest)));
      line(
          "<text class=\"end\" x=\"%s\" y=\"%s\">%s %%</text>",
          LEFT - 8,
          number(y(share * highest) + 4),
          String.format(Locale.ROOT, "%.0f", 100 * share * highest));
      line(
          "<text class=\"middle\" x=\"%s\" y=\"%s\">%s</text>",
          number(x(share)), HEIGHT - BOTTOM + 18, String.format(Locale.ROOT, "%.1f", share));
    }
    line(
        "<text class=\"middle name\" x=\"%s\" y=\"%s\">effective rank over the width</text>",
        number(x(0.5)), HEIGHT - 10);
    line(
        "<text class=\"middle name\" transform=\"translate(14 %s) rotate(-90)\">dead features</text>",
        number(y(highest / 2)));
  }

  private void point(Finding finding) {
    Measured at = finding.place();
    double x = x(at.effectiveRankRatio());
    double y = y(at.deadFraction());
    String colour = colour(at.trial().place().reads().kind());
    boolean right = finding.outcome() == Outcome.RIGHT;
    line(
        "<g class=\"point\"><title>%s, at %s: %s %% dead, effective rank %s of %s</title>",
        HtmlPage.escape(finding.name()),
        at.trial().place(),
        String.format(Locale.ROOT, "%.1f", 100 * at.deadFraction()),
        String.format(Locale.ROOT, "%.0f", at.effectiveRank()),
        at.width());
    line(
        "<circle cx=\"%s\" cy=\"%s\" r=\"6\" style=\"stroke:%s;fill:%s\"/>",
        number(x), number(y), colour, right ? colour : "var(--card)");
    line("</g>");
  }

  /** The names beside the points, each at the first free spot. */
  private void names() {
    if (shown.size() > MOST_NAMES) {
      return;
    }
    int common = commonFolders();
    List<Box> taken = new ArrayList<>();
    for (Finding each : shown) {
      double x = x(each.place().effectiveRankRatio());
      double y = y(each.place().deadFraction());
      taken.add(new Box(x - 7, y - 7, 14, 14));
    }
    for (Finding each : shown) {
      name(each, shortened(each.name().substring(common)), taken);
    }
  }

  private void name(Finding finding, String name, List<Box> taken) {
    double x = x(finding.place().effectiveRankRatio());
    double y = y(finding.place().deadFraction());
    double width = LETTER * name.length();
    for (int step = 0; step < 2 * MOST_NAMES; step++) {
      // Beside the point, then above and below it, further and further.
      double shifted = y + (step % 2 == 0 ? -1 : 1) * LINE * ((step + 1) / 2);
      for (boolean before : new boolean[] {false, true}) {
        double left = before ? x - GAP - width : x + GAP;
        Box spot = new Box(left, shifted - LINE / 2.0, width, LINE);
        boolean inside =
            left > LEFT
                && left + width < WIDTH
                && shifted > TOP - LINE
                && shifted <= HEIGHT - BOTTOM;
        if (inside && taken.stream().noneMatch(spot::overlaps)) {
          taken.add(spot);
          line(
              "<text class=\"%s\" x=\"%s\" y=\"%s\">%s</text>",
              before ? "end" : "start",
              number(before ? x - GAP : x + GAP),
              number(shifted + 4),
              HtmlPage.escape(name));
          return;
        }
      }
    }
  }

  /** How many characters of folders all names begin with. */
  private int commonFolders() {
    String first = shown.getFirst().name();
    int common = first.length();
    for (Finding each : shown) {
      int same = 0;
      while (same < Math.min(common, each.name().length())
          && each.name().charAt(same) == first.charAt(same)) {
        same++;
      }
      common = same;
    }
    return first.substring(0, Math.min(common, first.length() - 1)).lastIndexOf('/') + 1;
  }

  private static String shortened(String name) {
    return name.length() <= LONGEST_NAME
        ? name
        : "…" + name.substring(name.length() - LONGEST_NAME + 1);
  }

  private List<HookKind> kinds() {
    Set<HookKind> kinds = new TreeSet<>();
    shown.forEach(each -> kinds.add(each.place().trial().place().reads().kind()));
    return List.copyOf(kinds);
  }

  /** The colour that the kind has in all pages. */
  private static String colour(HookKind kind) {
    return switch (kind) {
      case ATTN_OUT -> "var(--attn_out)";
      case MLP_OUT -> "var(--mlp_out)";
      case RESID -> "var(--resid)";
      case Z -> "var(--z)";
      case RESID_MID, RESID_IN -> "var(--other-1)";
      default -> "var(--other-2)";
    };
  }

  private static double x(double ratio) {
    return LEFT + ratio * (WIDTH - LEFT - RIGHT);
  }

  private double y(double share) {
    return HEIGHT - BOTTOM - share / highest * (HEIGHT - TOP - BOTTOM);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }

  private void line(String format, Object... values) {
    svg.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
