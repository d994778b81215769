package io.sluice.tokenizer.characters;

import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/** A trie of texts, each with a value. */
public final class CharTrie {
  /** The result of {@link #next} if no text continues so. */
  public static final int NONE = -1;

  public static final int ROOT = 0;

  private long[] keys = new long[1 << 10];
  private int[] targets = new int[1 << 10];
  private int edges;
  private int[] values = new int[1 << 8];
  private int nodes = 1;

  public CharTrie() {
    Arrays.fill(keys, -1);
    Arrays.fill(values, NONE);
  }

  /** Adds a text; one that was there gets the new value, which is not negative. */
  public void put(String text, int value) {
    int node = ROOT;
    for (int i = 0; i < text.length(); i++) {
      int next = next(node, text.charAt(i));
      node = next == NONE ? add(node, text.charAt(i)) : next;
    }
    values[node] = value;
  }

  /** Where a character leads from a node, or {@link #NONE}. */
  public int next(int node, char c) {
    long key = (long) node << 16 | c;
    int mask = keys.length - 1;
    for (int slot = slot(key) & mask; keys[slot] != -1; slot = slot + 1 & mask) {
      if (keys[slot] == key) {
        return targets[slot];
      }
    }
    return NONE;
  }

  /** The value of the text that ends at a node, or {@link #NONE}. */
  public int value(int node) {
    return values[node];
  }

  private int add(int node, char c) {
    if (2 * ++edges > keys.length) {
      grow();
    }
    if (nodes == values.length) {
      values = ScratchArrays.extended(values, nodes + 1);
      Arrays.fill(values, nodes, values.length, NONE);
    }
    insert((long) node << 16 | c, nodes);
    return nodes++;
  }

  private void insert(long key, int target) {
    int mask = keys.length - 1;
    int slot = slot(key) & mask;
    while (keys[slot] != -1) {
      slot = slot + 1 & mask;
    }
    keys[slot] = key;
    targets[slot] = target;
  }

  private void grow() {
    long[] old = keys;
    int[] oldTargets = targets;
    keys = new long[old.length * 2];
    targets = new int[old.length * 2];
    Arrays.fill(keys, -1);
    for (int i = 0; i < old.length; i++) {
      if (old[i] != -1) {
        insert(old[i], oldTargets[i]);
      }
    }
  }

  private static int slot(long key) {
    long mixed = key * 0x9E3779B97F4A7C15L;
    return (int) (mixed >>> 32);
  }
}
