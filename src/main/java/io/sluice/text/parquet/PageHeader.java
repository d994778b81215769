package io.sluice.text.parquet;

import java.io.IOException;

/**
 * The header of a page.
 *
 * @param kind what it is: {@link #DATA}, {@link #DICTIONARY}, {@link #DATA_2} or anything else
 * @param unpacked bytes of the page without compression
 * @param packed bytes of the page in the file
 * @param checksum of those; null for none
 * @param count its values, those that are missing included
 * @param encoding how its values are written
 * @param levelEncoding how its definition levels are written
 * @param repetitionEncoding how its repetition levels are written
 * @param definitionBytes bytes of its definition levels, in pages of the second kind
 * @param repetitionBytes bytes of its repetition levels, in pages of the second kind
 * @param isPacked whether the values of a page of the second kind are compressed
 * @param length bytes of the header itself
 */
record PageHeader(
    int kind,
    int unpacked,
    int packed,
    Integer checksum,
    int count,
    int encoding,
    int levelEncoding,
    int repetitionEncoding,
    int definitionBytes,
    int repetitionBytes,
    boolean isPacked,
    int length) {
  static final int DATA = 0;
  static final int DICTIONARY = 2;
  static final int DATA_2 = 3;

  /**
   * Reads a header from the first {@code length} of some bytes.
   *
   * @throws Thrift.EndsEarly if it goes on after them
   */
  static PageHeader read(byte[] bytes, int length) throws IOException {
    Thrift thrift = new Thrift(bytes, length);
    int kind = -1;
    int unpacked = -1;
    int packed = -1;
    Integer checksum = null;
    Counts counts = new Counts();
    thrift.enter();
    while (thrift.nextField()) {
      switch (thrift.field()) {
        case 1 -> kind = thrift.integer();
        case 2 -> unpacked = thrift.integer();
        case 3 -> packed = thrift.integer();
        case 4 -> checksum = thrift.integer();
        case 5 -> counts.read(thrift, 2, 3, 4, -1, -1, -1);
        case 7 -> counts.read(thrift, 2, -1, -1, -1, -1, -1);
        case 8 -> counts.read(thrift, 4, -1, -1, 5, 6, 7);
        default -> thrift.skip();
      }
    }
    boolean isNeeded = kind == DATA || kind == DICTIONARY || kind == DATA_2;
    if (kind < 0 || unpacked < 0 || packed < 0 || isNeeded && counts.count < 0) {
      throw new IOException("a page's header is inconsistent");
    }
    return new PageHeader(
        kind,
        unpacked,
        packed,
        checksum,
        counts.count,
        counts.encoding,
        counts.levelEncoding,
        counts.repetitionEncoding,
        counts.definitionBytes,
        counts.repetitionBytes,
        counts.isPacked,
        thrift.position());
  }

  /** The part of a header that differs between kinds of pages, by numbers of fields. */
  private static final class Counts {
    private int count = -1;
    private int encoding = -1;
    private int levelEncoding = Encoding.RUNS;
    private int repetitionEncoding = Encoding.RUNS;
    private int definitionBytes;
    private int repetitionBytes;
    private boolean isPacked = true;

    void read(
        Thrift thrift,
        int encodingField,
        int levelField,
        int repetitionLevelField,
        int definitionField,
        int repetitionField,
        int packedField)
        throws IOException {
      thrift.enterField();
      while (thrift.nextField()) {
        int field = thrift.field();
        if (field == 1) {
          count = thrift.integer();
        } else if (field == encodingField) {
          encoding = thrift.integer();
        } else if (field == levelField) {
          levelEncoding = thrift.integer();
        } else if (field == repetitionLevelField) {
          repetitionEncoding = thrift.integer();
        } else if (field == definitionField) {
          definitionBytes = thrift.integer();
        } else if (field == repetitionField) {
          repetitionBytes = thrift.integer();
        } else if (field == packedField) {
          isPacked = thrift.truth();
        } else {
          thrift.skip();
        }
      }
    }
  }
}
