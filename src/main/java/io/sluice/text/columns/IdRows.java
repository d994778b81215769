package io.sluice.text.columns;

import java.io.IOException;

/** One column of lists of integers, read row by row. */
public interface IdRows {
  /**
   * Moves to the next row.
   *
   * @return false if there is none
   * @throws IOException if the file is damaged; one line that names it
   */
  boolean next() throws IOException;

  /** The row's list; it changes with the next row. */
  IdList list();
}
