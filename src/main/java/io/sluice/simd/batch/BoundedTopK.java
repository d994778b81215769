package io.sluice.simd.batch;

/**
 * The {@code k} best of what is offered, in any order of offering: a heap whose root is the worst
 * that is kept. Higher ranks are better, and of equal ranks the lower feature.
 */
public final class BoundedTopK {
  private final float[] ranks;
  private final float[] values;
  private final int[] features;
  private int size;

  public BoundedTopK(int k) {
    ranks = new float[k];
    values = new float[k];
    features = new int[k];
  }

  public void clear() {
    size = 0;
  }

  int size() {
    return size;
  }

  /**
   * The least rank that may still be kept: what is below it need not be offered. As long as there
   * is room, any positive rank is kept, and no other.
   */
  public float limit() {
    return size < ranks.length ? Float.MIN_VALUE : ranks[0];
  }

  /** Offers a feature whose rank is at least {@link #limit}, and returns the limit from then on. */
  public float offer(int feature, float value, float rank) {
    if (size < ranks.length) {
      rise(size++, feature, value, rank);
    } else if (better(rank, feature, 0)) {
      sink(size, feature, value, rank);
    }
    return limit();
  }

  /** Offers all that another heap holds. */
  public void offerAll(BoundedTopK other) {
    for (int i = 0; i < other.size; i++) {
      if (other.ranks[i] >= limit()) {
        offer(other.features[i], other.values[i], other.ranks[i]);
      }
    }
  }

  /**
   * Empties the heap into two arrays, in ascending order of features.
   *
   * @return how many there were
   */
  public int drain(int[] toFeatures, float[] toValues, int at) {
    int count = size;
    // By feature instead of rank from here on: the root is the last one.
    for (int i = 0; i < count; i++) {
      ranks[i] = 0;
    }
    for (int i = count / 2 - 1; i >= 0; i--) {
      sinkFrom(i, count, features[i], values[i], 0);
    }
    while (size > 0) {
      size--;
      toFeatures[at + size] = features[0];
      toValues[at + size] = values[0];
      sinkFrom(0, size, features[size], values[size], 0);
    }
    return count;
  }

  private boolean better(float rank, int feature, int than) {
    return rank > ranks[than] || rank == ranks[than] && feature < features[than];
  }

  private void rise(int from, int feature, float value, float rank) {
    int i = from;
    while (i > 0) {
      int parent = (i - 1) >>> 1;
      if (better(rank, feature, parent)) {
        break;
      }
      move(parent, i);
      i = parent;
    }
    put(i, feature, value, rank);
  }

  private void sink(int end, int feature, float value, float rank) {
    sinkFrom(0, end, feature, value, rank);
  }

  private void sinkFrom(int from, int end, int feature, float value, float rank) {
    int i = from;
    while (2 * i + 1 < end) {
      int child = 2 * i + 1;
      if (child + 1 < end && better(ranks[child], features[child], child + 1)) {
        child++;
      }
      if (!better(rank, feature, child)) {
        break;
      }
      move(child, i);
      i = child;
    }
    if (end > 0) {
      put(i, feature, value, rank);
    }
  }

  private void move(int from, int to) {
    ranks[to] = ranks[from];
    values[to] = values[from];
    features[to] = features[from];
  }

  private void put(int i, int feature, float value, float rank) {
    ranks[i] = rank;
    values[i] = value;
    features[i] = feature;
  }
}
