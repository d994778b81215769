package io.sluice.model;

import java.util.Comparator;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A hook point: one kind of tensor in one layer, written {@code layers.3.attn_out}. Ordered by
 * layer, then kind.
 *
 * @param layer counted from 0
 * @param kind which tensor of the layer
 */
public record HookPoint(int layer, HookKind kind) implements Comparable<HookPoint> {
  private static final Pattern FORM = Pattern.compile("layers\\.([0-9]{1,4})\\.([a-z_]+)");
  private static final Comparator<HookPoint> ORDER =
      Comparator.comparingInt(HookPoint::layer).thenComparing(HookPoint::kind);

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if {@code layer} is negative
   */
  public HookPoint {
    Objects.requireNonNull(kind, "kind");
    if (layer < 0) {
      throw new IllegalArgumentException("layer " + layer + " is negative");
    }
  }

  /**
   * Reads {@code layers.3.attn_out}.
   *
   * @throws IllegalArgumentException if {@code text} has another form or names an unknown kind
   */
  public static HookPoint parse(String text) {
    Matcher matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is not a hook point; they look like layers.3.attn_out, with one of "
              + HookKind.labels());
    }
    return new HookPoint(Integer.parseInt(matcher.group(1)), HookKind.ofLabel(matcher.group(2)));
  }

  /** Whether {@link #parse} reads a name. */
  public static boolean isOne(String text) {
    Matcher matcher = FORM.matcher(text);
    return matcher.matches() && HookKind.isLabel(matcher.group(2));
  }

  @Override
  public int compareTo(HookPoint other) {
    return ORDER.compare(this, other);
  }

  /** {@code layers.3.attn_out}, as {@link #parse} reads it. */
  @Override
  public String toString() {
    return "layers." + layer + "." + kind.label();
  }
}
