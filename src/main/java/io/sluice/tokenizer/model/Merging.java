package io.sluice.tokenizer.model;

import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/**
 * Merges the characters of a word to tokens: the neighbours with the smallest rank first, and of
 * equal ones the leftmost. Short words are searched again after each merge; long ones keep possible
 * merges in a heap.
 */
final class Merging {
  private static final int SHORT = 48;

  private final MergeTable merges;
  private int[] symbols = new int[64];
  private int size;

  Merging(MergeTable merges) {
    this.merges = merges;
  }

  void add(int symbol) {
    symbols = ScratchArrays.extended(symbols, size + 1);
    symbols[size++] = symbol;
  }

  /** The tokens that remain; nothing is left here. */
  int[] merge() {
    if (size <= SHORT) {
      mergeShort();
    } else {
      mergeLong();
    }
    int[] tokens = Arrays.copyOf(symbols, size);
    size = 0;
    return tokens;
  }

  private void mergeShort() {
    int[] ranks = new int[size];
    for (int i = 0; i + 1 < size; i++) {
      ranks[i] = merges.rank(symbols[i], symbols[i + 1]);
    }
    while (true) {
      int at = MergeTable.NONE;
      for (int i = 0; i + 1 < size; i++) {
        if (ranks[i] != MergeTable.NONE && (at < 0 || ranks[i] < ranks[at])) {
          at = i;
        }
      }
      if (at < 0) {
        return;
      }
      symbols[at] = merges.merged(ranks[at]);
      size--;
      System.arraycopy(symbols, at + 2, symbols, at + 1, size - at - 1);
      System.arraycopy(ranks, at + 2, ranks, at + 1, Math.max(0, size - at - 1));
      if (at + 1 < size) {
        ranks[at] = merges.rank(symbols[at], symbols[at + 1]);
      }
      if (at > 0) {
        ranks[at - 1] = merges.rank(symbols[at - 1], symbols[at]);
      }
    }
  }

  private void mergeLong() {
    int[] before = new int[size];
    int[] after = new int[size];
    LongHeap heap = new LongHeap(size);
    for (int i = 0; i < size; i++) {
      before[i] = i - 1;
      after[i] = i + 1;
      push(heap, i, i + 1 < size ? i + 1 : -1);
    }
    after[size - 1] = -1;
    while (!heap.isEmpty()) {
      long entry = heap.pop();
      int at = (int) entry;
      int rank = (int) (entry >>> 32);
      int right = symbols[at] < 0 ? -1 : after[at];
      // The entry may be of before one of the two was merged with another.
      if (right < 0 || !becomes(at, right, merges.merged(rank))) {
        continue;
      }
      symbols[at] = merges.merged(rank);
      symbols[right] = -1;
      after[at] = after[right];
      if (after[at] >= 0) {
        before[after[at]] = at;
      }
      if (before[at] >= 0) {
        push(heap, before[at], at);
      }
      push(heap, at, after[at]);
    }
    int left = 0;
    for (int i = 0; i < size; i++) {
      if (symbols[i] >= 0) {
        symbols[left++] = symbols[i];
      }
    }
    size = left;
  }

  private boolean becomes(int left, int right, int id) {
    int rank = merges.rank(symbols[left], symbols[right]);
    return rank != MergeTable.NONE && merges.merged(rank) == id;
  }

  private void push(LongHeap heap, int left, int right) {
    if (right >= 0) {
      int rank = merges.rank(symbols[left], symbols[right]);
      if (rank != MergeTable.NONE) {
        heap.push((long) rank << 32 | left);
      }
    }
  }

  /** The smallest first. */
  private static final class LongHeap {
    private long[] heap;
    private int size;

    LongHeap(int capacity) {
      heap = new long[Math.max(16, capacity)];
    }

    boolean isEmpty() {
      return size == 0;
    }

    void push(long value) {
      heap = ScratchArrays.extended(heap, size + 1);
      int at = size++;
      while (at > 0 && heap[(at - 1) / 2] > value) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
      }
      heap[at] = value;
    }

    long pop() {
      long top = heap[0];
      long last = heap[--size];
      int at = 0;
      while (2 * at + 1 < size) {
        int child = 2 * at + 1;
        if (child + 1 < size && heap[child + 1] < heap[child]) {
          child++;
        }
        if (heap[child] >= last) {
          break;
        }
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = last;
      return top;
    }
  }
}
