package io.sluice.dictionary;

import java.util.List;

/**
 * How training transforms the activations {@code x} of one hook point: {@code scale · (x − shift)}.
 *
 * @param hook the hook point
 * @param scale one factor for all activations, positive
 * @param shift {@code [width]}, or empty for none
 */
public record SiteScaling(String hook, double scale, List<Double> shift) {

  public SiteScaling {
    if (!(scale > 0) || Double.isInfinite(scale)) {
      throw new IllegalArgumentException(
          "'" + hook + "' cannot be scaled by " + scale + "; a scale is positive");
    }
    shift = List.copyOf(shift);
  }

  /** No scale and no shift. */
  public static SiteScaling none(String hook) {
    return new SiteScaling(hook, 1, List.of());
  }

  /** The same of several hook points. */
  public static List<SiteScaling> none(List<Site> sites) {
    return sites.stream().map(site -> none(site.hook())).toList();
  }

  /** The shift as float32; empty for none. */
  public float[] shiftValues() {
    float[] values = new float[shift.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = shift.get(i).floatValue();
    }
    return values;
  }
}
