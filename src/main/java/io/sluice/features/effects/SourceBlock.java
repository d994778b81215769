package io.sluice.features.effects;

import io.sluice.features.Sources;

/**
 * Sources of some contexts of features: the heads and positions that an activation comes from.
 * Entry {@code e} has up to {@link Sources#MOST} contributions, the largest first; what they leave
 * of the activation is in {@code rest} and {@code bias}.
 *
 * <p>Contributions are split by the heads of the model where these write what the feature reads. A
 * feature that has its own attention has contributions by position alone; what the heads of the
 * model write in its direction is then another sum, {@link #written}.
 */
public final class SourceBlock {
  private static final int MOST = Sources.MOST;

  private final int heads;
  private final int[] counts;
  private final int[] positions;
  private final byte[] heading; // Null if not split.
  private final float[] contributions;
  private final float[] rests;
  private final float[] biases;
  private final float[] sums;
  private final float[] byHead;
  private final float[] headBiases; // The biases if split.

  private SourceBlock(int entries, int heads, boolean split) {
    this.heads = heads;
    this.counts = new int[entries];
    this.positions = new int[Math.multiplyExact(entries, MOST)];
    this.heading = split ? new byte[positions.length] : null;
    this.contributions = new float[positions.length];
    this.rests = new float[entries];
    this.biases = new float[entries];
    this.sums = new float[entries];
    this.byHead = new float[Math.multiplyExact(entries, heads)];
    this.headBiases = split ? biases : new float[entries];
  }

  /** Room for entries whose contributions are split by head. */
  static SourceBlock byHead(int entries, int heads) {
    return new SourceBlock(entries, heads, true);
  }

  /** Room for entries whose contributions are by position alone. */
  public static SourceBlock byPosition(int entries, int heads) {
    return new SourceBlock(entries, heads, false);
  }

  /**
   * Sets an entry that is split by head.
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
    put(entry, all, at, heads * length, length, bias, shift, largest);
    double whole = bias;
    for (int head = 0; head < heads; head++) {
      double sum = 0;
      for (int s = 0; s < length; s++) {
        sum += all[at + head * length + s];
      }
      byHead[entry * heads + head] = (float) sum;
      whole += byHead[entry * heads + head];
    }
    sums[entry] = (float) whole;
  }

  /**
   * Sets an entry of a feature that has its own attention.
   *
   * @param all contributions by position, {@code [length]}, from {@code at} on
   * @param shift what is subtracted from a position of the context
   * @param written what each head of the model writes in the feature's direction, {@code [heads,
   *     length]} by source position, from {@code from} on
   * @param writtenBias what biases write there
   */
  public void set(
      int entry,
      float[] all,
      int at,
      int length,
      float bias,
      int shift,
      float[] written,
      int from,
      float writtenBias) {
    put(entry, all, at, length, length, bias, shift, new LargestContributions(MOST));
    double whole = bias;
    for (int s = 0; s < length; s++) {
      whole += all[at + s];
    }
    sums[entry] = (float) whole;
    headBiases[entry] = writtenBias;
    for (int head = 0; head < heads; head++) {
      double sum = 0;
      for (int s = 0; s < length; s++) {
        sum += written[from + head * length + s];
      }
      byHead[entry * heads + head] = (float) sum;
    }
  }

  private void put(
      int entry,
      float[] all,
      int at,
      int count,
      int length,
      float bias,
      int shift,
      LargestContributions largest) {
    rests[entry] = (float) largest.find(all, at, at + count);
    biases[entry] = bias;
    counts[entry] = largest.count();
    float[] values = largest.values();
    for (int i = 0; i < values.length; i++) {
      int place = entry * MOST + i;
      contributions[place] = values[i];
      positions[place] = largest.index(i) % length - shift;
      if (heading != null) {
        heading[place] = (byte) (largest.index(i) / length);
      }
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

  /** Whether contributions are split by the heads of the model. */
  public boolean splitsByHead() {
    return heading != null;
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

  /** The head of a source, if contributions are split. */
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

  /** What biases give to the activation: of {@code W_O}, of the encoder, and so on. */
  public float bias(int entry) {
    return biases[entry];
  }

  /** The sum of all sources and biases, which is the activation. */
  public float activation(int entry) {
    return sums[entry];
  }

  /** What all sources of a head give together to what is {@linkplain #written written}. */
  public float ofHead(int entry, int head) {
    return byHead[entry * heads + head];
  }

  /** What biases give to what is written. */
  public float headBias(int entry) {
    return headBiases[entry];
  }

  /**
   * What the heads of the model and biases write for the feature: the activation if contributions
   * are split by head, else what attention writes in the feature's direction.
   */
  public float written(int entry) {
    double sum = headBiases[entry];
    for (int head = 0; head < heads; head++) {
      sum += ofHead(entry, head);
    }
    return (float) sum;
  }
}
