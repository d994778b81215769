package io.sluice.text;

import io.sluice.text.columns.IdList;
import java.io.IOException;

/** Token ids from a file. */
final class TokenIds {
  private TokenIds() {}

  /**
   * The ids of a document.
   *
   * @param list a list without problems
   * @param where its place, for the message
   * @throws IOException if one is negative or so large that no vocabulary has it; null if the list
   *     is empty
   */
  static int[] of(IdList list, String where) throws IOException {
    int[] ids = new int[list.count()];
    for (int i = 0; i < ids.length; i++) {
      long id = list.id(i);
      if (id < 0 || id > Integer.MAX_VALUE) {
        throw new IOException(
            where
                + ": has token id "
                + id
                + ", which no vocabulary has; give ids that the model's tokenizer made, without"
                + " marks of padding");
      }
      ids[i] = (int) id;
    }
    return ids;
  }
}
