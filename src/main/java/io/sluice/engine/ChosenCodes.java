package io.sluice.engine;

import io.sluice.engine.activation.ChosenFeatures;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.NonFiniteException;
import java.util.Arrays;

/**
 * The codes of a {@link CustomActivation}, for any arithmetic. Parts of a batch are encoded to all
 * their positive features, and the function chooses among those of one token at a time, so that
 * memory is for a part and not for {@code batch × features}.
 */
final class ChosenCodes implements AutoCloseable {
  /** Codes of a part, at most; at least one token. */
  private static final int MOST_CODES = 1 << 20;

  private final EngineSpec spec;
  private final Arithmetic arithmetic;
  private final Codes positive = new Codes();
  private final float[] zeros;
  private final double[] norms;

  private final ChosenFeatures token;

  /** The codes of the batch so far, and where each token's end. */
  private int[] features = new int[0];

  private float[] kept = new float[0];
  private int[] ends = new int[0];
  private int entries;

  ChosenCodes(EngineSpec spec, Arithmetic arithmetic) {
    this.spec = spec;
    this.arithmetic = arithmetic;
    zeros = new float[spec.features()];
    norms = new double[spec.features()];
    token = new ChosenFeatures(spec.features());
    Arrays.fill(norms, 1);
  }

  void encode(Rows input, CustomActivation activation, Codes codes) {
    if (spec.scoreByDecoderNorm()) {
      arithmetic.readDecoderNorms(norms);
    }
    int count = input.count();
    int part = Math.clamp(MOST_CODES / spec.features(), 1, count);
    ends = ScratchArrays.atLeast(ends, count);
    entries = 0;
    for (int first = 0; first < count; first += part) {
      encodePart(part(input, first, Math.min(part, count - first)), first);
      for (int row = 0; row < positive.rows(); row++) {
        choose(activation, row);
        ends[first + row] = entries;
      }
    }
    arithmetic.load(input);
    fill(codes, count);
  }

  private static Rows part(Rows input, int first, int count) {
    DType dtype = input.dtype();
    long rowBytes = (long) input.width() * dtype.bytes();
    return new Rows(
        input.memory().asSlice(first * rowBytes, count * rowBytes),
        dtype,
        count,
        input.width(),
        input.scale());
  }

  private void encodePart(Rows part, int first) {
    try {
      arithmetic.encodeAbove(part, zeros, positive);
    } catch (NonFiniteException e) {
      throw new NonFiniteException(first + e.row(), e.column(), e.value());
    }
  }

  /** Adds what is chosen of a token to the batch's codes. */
  private void choose(CustomActivation activation, int row) {
    token.clear();
    for (int entry = positive.offset(row); entry < positive.offset(row + 1); entry++) {
      int feature = positive.feature(entry);
      float value = positive.value(entry);
      token.add(feature, value, (float) (norms[feature] * value));
    }
    int count = token.choose(activation, spec.features());
    features = ScratchArrays.extended(features, entries + count);
    kept = ScratchArrays.extended(kept, entries + count);
    for (int i = 0; i < count; i++) {
      features[entries] = token.feature(i);
      kept[entries++] = token.value(i);
    }
  }

  private void fill(Codes codes, int rows) {
    codes.begin(rows, entries);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      for (; entry < ends[row]; entry++) {
        codes.set(entry, features[entry], kept[entry]);
      }
      codes.endRow(entry);
    }
  }

  @Override
  public void close() {
    positive.close();
  }
}
