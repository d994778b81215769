package io.sluice.text.parquet;

/** The numbers of the ways in which values are written in pages. */
final class Encoding {
  static final int PLAIN = 0;
  static final int OLD_DICTIONARY = 2;
  static final int RUNS = 3;
  static final int DELTAS = 5;
  static final int LENGTHS_FIRST = 6;
  static final int PREFIXES = 7;
  static final int DICTIONARY = 8;
  static final int STREAMS = 9;

  private Encoding() {}
}
