package io.sluice.model;

/**
 * Which tokens of a batch are predicted, and from where.
 *
 * @param rows for each, the row of the position before it among all {@code size · length}
 * @param ids for each, its id
 */
record NextTokens(long[] rows, long[] ids) {
  /** The tokens that count in each context. */
  static NextTokens of(TokenBatch batch) {
    int count = 0;
    for (int context = 0; context < batch.size(); context++) {
      count += Math.max(0, batch.length(context) - batch.from(context));
    }
    long[] rows = new long[count];
    long[] ids = new long[count];
    int at = 0;
    for (int context = 0; context < batch.size(); context++) {
      for (int position = batch.from(context); position < batch.length(context); position++, at++) {
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
