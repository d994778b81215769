package io.sluice.features.export;

import io.sluice.features.Feature;
import java.util.ArrayList;
import java.util.List;

/** What both formats show of a feature. */
record ExportedFeature(Feature feature) {
  /**
   * A context with the interval of activations that it stands for.
   *
   * @param least the lower end; -1 for the contexts with the largest activations
   * @param most the upper end; 99 for those
   * @param share of the feature's activations in this interval; -1 for those
   */
  record Shown(Feature.Context context, double least, double most, double share) {
    /** The place of the token on which the feature fires. */
    int target() {
      return context.position() - context.first();
    }

    /** The largest activation of the feature in the context. */
    float max() {
      float max = Float.NEGATIVE_INFINITY;
      for (Feature.Token token : context.tokens()) {
        max = Math.max(max, token.activation());
      }
      return max;
    }

    /** The smallest. */
    float min() {
      float min = Float.POSITIVE_INFINITY;
      for (Feature.Token token : context.tokens()) {
        min = Math.min(min, token.activation());
      }
      return min;
    }

    /** The place of the largest. */
    int maxAt() {
      float max = max();
      int at = 0;
      while (context.tokens().get(at).activation() != max) {
        at++;
      }
      return at;
    }

    /** What each token gives to the activation through attention; empty if that is unknown. */
    float[] bySource() {
      if (context.sources().isEmpty()) {
        return new float[0];
      }
      float[] values = new float[context.tokens().size()];
      for (Feature.Source source : context.sources()) {
        int at = source.position() - context.first();
        if (at >= 0 && at < values.length) {
          values[at] += source.contribution();
        }
      }
      return values;
    }
  }

  /** All contexts, the strongest first. */
  List<Shown> contexts() {
    List<Shown> shown = new ArrayList<>();
    for (Feature.Context context : feature.top()) {
      shown.add(new Shown(context, -1, 99, -1));
    }
    long all = feature.histogram().stream().mapToLong(Feature.Bin::count).sum();
    for (Feature.Context context : feature.lower()) {
      for (Feature.Bin bin : feature.histogram()) {
        if (context.activation() >= bin.from() && context.activation() < bin.to()) {
          shown.add(
              new Shown(context, bin.from(), bin.to(), all == 0 ? 0 : (double) bin.count() / all));
          break;
        }
      }
    }
    return shown;
  }

  /** The bins of the histogram between the first and the last that hold something. */
  List<Feature.Bin> bins() {
    List<Feature.Bin> bins = feature.histogram();
    int from = 0;
    int to = bins.size();
    while (from < to && bins.get(from).count() == 0) {
      from++;
    }
    while (to > from && bins.get(to - 1).count() == 0) {
      to--;
    }
    return bins.subList(from, to);
  }
}
