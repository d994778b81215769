package io.sluice.tokenizer;

import java.util.Arrays;

/** Token ids that come one by one. */
final class Ids {
  private int[] ids = new int[64];
  private int size;

  void add(int id) {
    if (size == ids.length) {
      ids =
          Arrays.copyOf(ids, Math.max(size + 1, (int) Math.min(size * 2L, Integer.MAX_VALUE - 8)));
    }
    ids[size++] = id;
  }

  void add(int[] more) {
    for (int id : more) {
      add(id);
    }
  }

  int size() {
    return size;
  }

  /** Those from a place on. */
  int[] from(int start) {
    return Arrays.copyOfRange(ids, start, size);
  }

  int[] toArray() {
    return Arrays.copyOf(ids, size);
  }
}
