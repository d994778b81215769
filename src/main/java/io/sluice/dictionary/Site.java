package io.sluice.dictionary;

/**
 * A place that a dictionary reads or writes.
 *
 * @param hook the hook point, for instance {@code layers.3.attn_out}
 * @param width width of its activations
 */
public record Site(String hook, int width) {

  public Site {
    if (hook.contains(",")) {
      throw new IllegalArgumentException(
          "a comma separates hook points, and '" + hook + "' has one in its name");
    }
    if (width < 1) {
      throw new IllegalArgumentException("'" + hook + "' cannot be " + width + " wide");
    }
  }
}
