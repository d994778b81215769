package io.sluice.text.columns;

import java.io.IOException;

/** One column of texts, read row by row. */
public interface ColumnRows {
  /**
   * Moves to the next row.
   *
   * @return false if there is none
   * @throws IOException if the file is damaged; one line that names it
   */
  boolean next() throws IOException;

  /** Whether the row has no value. */
  boolean isMissing();

  /** Whether the row has a value that is too long to be read. */
  default boolean isTooLong() {
    return false;
  }

  /**
   * Holds the row's value, from {@link #from()} to {@link #to()}; it changes with the next row, and
   * there is none if the value is missing or too long.
   */
  byte[] bytes();

  /** Where the value begins in {@link #bytes()}. */
  int from();

  /** Where the value ends in {@link #bytes()}. */
  int to();
}
