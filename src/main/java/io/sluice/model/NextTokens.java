package io.sluice.model;

/**
 * Which tokens of a batch are predicted, and from where.
 *
 * @param rows for each, the row of the position before it among all {@code size · length}
 * @param ids for each, its id
 */
record NextTokens(long[] rows, long[] ids) {
  /**
   * The tokens at position {@code from} of each context and after.
   *
   * @throws IllegalArgumentException if {@code from} is less than 1: nothing is before the first
   */
  static NextTokens of(TokenBatch batch, int from) {
    if (from < 1) {
      throw new IllegalArgumentException(
          "tokens are predicted from position 1 on, not from " + from);
    }
    int count = 0;
    for (int context = 0; context < batch.size(); context++) {
      count += Math.max(0, batch.length(context) - from);
    }
    long[] rows = new long[count];
    long[] ids = new long[count];
    int at = 0;
    for (int context = 0; context < batch.size(); context++) {
      for (int position = from; position < batch.length(context); position++, at++) {
        rows[at] = (long) context * batch.length() + position - 1;
        ids[at] = batch.id(context, position);
      }
    }
    return new NextTokens(rows, ids);
  }

  int count() {
    return rows.length;
  }
}
