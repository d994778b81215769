package io.sluice.dictionary;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A hook point that a dictionary reads or writes.
 *
 * @param hook the hook point, for instance {@code layers.3.attn_out}
 * @param width width of its activations
 */
public record Site(String hook, int width) {

  public Site {
    if (width < 1) {
      throw new IllegalArgumentException("'" + hook + "' cannot be " + width + " wide");
    }
  }

  /** The names, separated by commas. */
  public static String names(List<Site> sites) {
    return sites.stream().map(Site::hook).collect(Collectors.joining(","));
  }

  /** The sum of the widths. */
  public static int widths(List<Site> sites) {
    return sites.stream().mapToInt(Site::width).reduce(0, Math::addExact);
  }
}
