package io.sluice.simd.single;

import io.sluice.memory.ScratchArrays;

/** Places whose upper bound reached the limit when they were found. */
final class Candidates {
  private int[] places;
  private float[] uppers;
  private int size;

  /**
   * None.
   *
   * @param room how many there may be before memory is allocated
   */
  Candidates(int room) {
    places = new int[room];
    uppers = new float[room];
  }

  /**
   * Room that is enough if all features may be kept, and that else few vectors exceed.
   *
   * @param k the most features that a vector gets
   * @param places all that there are
   */
  static int room(int k, int places) {
    return (int) Math.min(places, Math.max(1024, 32L * k));
  }

  int size() {
    return size;
  }

  int place(int candidate) {
    return places[candidate];
  }

  /** The upper bound of the score. */
  float upper(int candidate) {
    return uppers[candidate];
  }

  void clear() {
    size = 0;
  }

  /**
   * Adds a place.
   *
   * @param limit what an upper bound must reach by now
   */
  void add(int place, float upper, float limit) {
    if (size == places.length) {
      drop(limit);
      if (size > places.length / 2) {
        places = ScratchArrays.extended(places, 2 * size);
        uppers = ScratchArrays.extended(uppers, 2 * size);
      }
    }
    places[size] = place;
    uppers[size++] = upper;
  }

  /** Drops those that no longer reach the limit, which has risen. */
  private void drop(float limit) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (uppers[i] >= limit) {
        places[kept] = places[i];
        uppers[kept++] = uppers[i];
      }
    }
    size = kept;
  }
}
