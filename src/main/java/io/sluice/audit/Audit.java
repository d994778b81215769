package io.sluice.audit;

import java.util.List;
import java.util.Locale;

/**
 * The audit of dictionaries of one model.
 *
 * @param model what the model is called
 * @param text what the texts are called
 * @param tokens how many tokens were measured
 * @param searchTokens on how many of them all places and normalisations were tried
 * @param dictionaries what was found of each, in the order in which they were given
 */
public record Audit(
    String model, String text, long tokens, long searchTokens, List<Finding> dictionaries) {
  /** The {@code format} of {@code audit.json}. */
  public static final String FORMAT = "sluice.audit/1";

  /** The share of the variance in the intrinsic dimension. */
  public static final double TAU = 0.99;

  /** Copies the list. */
  public Audit {
    dictionaries = List.copyOf(dictionaries);
  }

  /** The audit in the form of {@code audit.json}. */
  public String json() {
    return AuditJson.of(this);
  }

  /** A number of about three digits, as pages and sentences show it. */
  public static String number(double value) {
    int digits =
        value >= 100 || value == Math.rint(value) ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3;
    return String.format(Locale.ROOT, "%,." + digits + "f", value);
  }
}
