package io.sluice.features.gather;

import java.io.Serializable;

/** What codes and rows say of some consecutive features, on its way to the files. */
public final class DescribedFeatures implements Serializable {
  private static final long serialVersionUID = 1;

  private final int first;
  private final FeatureSummary[] summaries;
  private final RowGeometry.Numbers[] numbers;

  DescribedFeatures(int first, FeatureSummary[] summaries, RowGeometry.Numbers[] numbers) {
    this.first = first;
    this.summaries = summaries;
    this.numbers = numbers;
  }

  int first() {
    return first;
  }

  FeatureSummary[] summaries() {
    return summaries;
  }

  RowGeometry.Numbers[] numbers() {
    return numbers;
  }
}
