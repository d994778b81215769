package io.sluice.tokenizer.model;

import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/** A growing list of token ids. */
public final class Ids {
  private int[] ids = new int[64];
  private int size;

  public void add(int id) {
    ids = ScratchArrays.extended(ids, size + 1);
    ids[size++] = id;
  }

  public void add(int[] more) {
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

  public int[] toArray() {
    return Arrays.copyOf(ids, size);
  }
}
