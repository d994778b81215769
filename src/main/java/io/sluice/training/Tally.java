package io.sluice.training;

/** Sums over the steps since the last line of metrics; part of a checkpoint. */
final class Tally {
  double squaredError;
  long codes;
  long rows;

  void add(double error, int entries, int count) {
    squaredError += error;
    codes += entries;
    rows += count;
  }

  void clear() {
    squaredError = 0;
    codes = 0;
    rows = 0;
  }
}
