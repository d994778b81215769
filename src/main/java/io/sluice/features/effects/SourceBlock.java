package io.sluice.features.effects;

import io.sluice.features.Sources;

/**
 * Sources of some contexts of features: the heads and positions that an activation comes from.
 * Entry {@code e} has up to {@link Sources#MOST} contributions, the largest first; what they leave
 * of the activation is in {@code rest} and {@code bias}.
 */
public final class SourceBlock {
  private static final int MOST = Sources.MOST;

  private final int heads;
  private final int[] counts;
  private final int[] positions;
  private final byte[] heading;
  private final float[] contributions;
  private final float[] rests;
  private final float[] biases;
  private final float[] byHead;

  SourceBlock(int entries, int heads) {
    this.heads = heads;
    this.counts = new int[entries];
    this.positions = new int[Math.multiplyExact(entries, MOST)];
    this.heading = new byte[positions.length];
    this.contributions = new float[positions.length];
    this.rests = new float[entries];
    this.biases = new float[entries];
    this.byHead = new float[Math.multiplyExact(entries, heads)];
  }

  /**
   * Sets an entry.
   *
   * @param all contributions by head, then position, {@code [heads, length]}, from {@code at} on
   * @param largest scratch memory
   * @param shift what is subtracted from a position of the context
   */
  void set(
      int entry,
      float[] all,
      int at,
      int length,
      float bias,
      int shift,
      LargestContributions largest) {
    rests[entry] = (float) largest.find(all, at, at + heads * length);
    biases[entry] = bias;
    counts[entry] = largest.count();
    float[] values = largest.values();
    for (int i = 0; i < values.length; i++) {
      int place = entry * MOST + i;
      contributions[place] = values[i];
      heading[place] = (byte) (largest.index(i) / length);
      positions[place] = largest.index(i) % length - shift;
    }
    for (int head = 0; head < heads; head++) {
      double sum = 0;
      for (int s = 0; s < length; s++) {
        sum += all[at + head * length + s];
      }
      byHead[entry * heads + head] = (float) sum;
    }
  }

  /** The number of entries. */
  public int entries() {
    return counts.length;
  }

  /** The number of heads. */
  public int heads() {
    return heads;
  }

  /** How many contributions an entry has. */
  public int count(int entry) {
    return counts[entry];
  }

  /**
   * The position of a source relative to the token on which the feature fires: 0 is that token, -1
   * the one before it.
   */
  public int offset(int entry, int rank) {
    return positions[entry * MOST + rank];
  }

  /** The head of a source. */
  public int head(int entry, int rank) {
    return Byte.toUnsignedInt(heading[entry * MOST + rank]);
  }

  /** What a source gives to the activation. */
  public float contribution(int entry, int rank) {
    return contributions[entry * MOST + rank];
  }

  /** What all sources that are not listed give together. */
  public float rest(int entry) {
    return rests[entry];
  }

  /** What biases give: of {@code W_O}, of the encoder, and the decoder bias that is subtracted. */
  public float bias(int entry) {
    return biases[entry];
  }

  /** What all sources of a head give together. */
  public float ofHead(int entry, int head) {
    return byHead[entry * heads + head];
  }

  /** The sum of all sources and biases, which is the activation. */
  public float activation(int entry) {
    double sum = biases[entry];
    for (int head = 0; head < heads; head++) {
      sum += ofHead(entry, head);
    }
    return (float) sum;
  }
}
