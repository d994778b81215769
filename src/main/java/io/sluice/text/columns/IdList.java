package io.sluice.text.columns;

import io.sluice.memory.ScratchArrays;

/** The integers of one document, as a file has them, and why they cannot be used. */
public final class IdList {
  /** The most ids of a document, far above those of large data sets. */
  public static final int MOST = 1 << 26;

  private long[] ids = new long[64];
  private int count;
  private String problem;

  /** Begins a new list. */
  public void begin() {
    count = 0;
    problem = null;
  }

  /** Adds an integer. */
  public void add(long id) {
    if (count == MOST) {
      wrong("has more than " + MOST + " ids");
      return;
    }
    ids = ScratchArrays.extended(ids, count + 1);
    ids[count++] = id;
  }

  /** There is no list. */
  public void missing() {
    wrong("has no value");
  }

  /** An item of the list is missing. */
  public void missingItem() {
    wrong("has a list in which an id is missing");
  }

  /** The list holds something else than integers. */
  public void wrong(String what) {
    problem = problem == null ? what : problem;
  }

  /** Why the list cannot be used, to be read after its place; null if it can. */
  public String problem() {
    return problem;
  }

  /** The number of integers. */
  public int count() {
    return count;
  }

  /** One of them. */
  public long id(int index) {
    return ids[index];
  }
}
