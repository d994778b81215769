package io.sluice.model.causal;

import io.sluice.model.TokenBatch;
import java.util.Arrays;

/**
 * Which tokens of a batch are predicted, and from where.
 *
 * @param rows for each, the row of the position before it among all {@code size · length}
 * @param ids for each, its id
 */
record NextTokens(long[] rows, long[] ids) {
  /** The tokens that count in each context, but for the first of all: nothing is before it. */
  static NextTokens of(TokenBatch batch) {
    int count = 0;
    for (int context = 0; context < batch.size(); context++) {
      count += Math.max(0, batch.length(context) - first(batch, context));
    }
    long[] rows = new long[count];
    long[] ids = new long[count];
    int at = 0;
    for (int context = 0; context < batch.size(); context++) {
      for (int position = first(batch, context);
          position < batch.length(context);
          position++, at++) {
        rows[at] = (long) context * batch.length() + position - 1;
        ids[at] = batch.id(context, position);
      }
    }
    return new NextTokens(rows, ids);
  }

  private static int first(TokenBatch batch, int context) {
    return Math.max(1, batch.from(context));
  }

  int count() {
    return rows.length;
  }

  /** These rows, then the row of the last position of each context, whose next is not known. */
  long[] rowsAndEnds(TokenBatch batch) {
    long[] all = Arrays.copyOf(rows, rows.length + batch.size());
    for (int context = 0; context < batch.size(); context++) {
      all[rows.length + context] = (long) context * batch.length() + batch.length(context) - 1;
    }
    return all;
  }
}
