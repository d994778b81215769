package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.int8.Int8Product;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.Supplier;

/**
 * Encodes tokens and selects the largest codes of the whole batch together, in one pass with one
 * running threshold, which follows from a histogram of the scores found so far that all threads
 * share. Scores below it cannot be among the largest.
 *
 * <p>The selection is exact and does not depend on the number of threads. Of equal scores the lower
 * token stays, and of one token's the lower feature.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class BatchTopKEncoder implements BatchEncoder {
  /** Of a positive float the exponent and four bits of the mantissa: bins a sixteenth wide. */
  private static final int SHIFT = 19;

  private static final int BINS = 1 << 12;

  private static final float CAUTION = 0.9f;

  /** How many scores a task counts before it adds them to the shared histogram. */
  private static final int TELL_AFTER = 2048;

  private final TileScan<Found> scan;
  private final AtomicIntegerArray counts = new AtomicIntegerArray(BINS);

  /** The bits of the running threshold; positive floats are ordered as their bits are. */
  private final AtomicInteger floor = new AtomicInteger();

  private int wanted;

  /**
   * Where the running threshold starts: a little below the last batch's least score, which hardly
   * varies. If too little is above, the batch is selected once more from 0.
   */
  private float guess;

  private float[] sorting = new float[0];

  /** Codes that may be among the largest. */
  private final class Found extends FoundCodes {
    private final int[] own = new int[BINS];
    private int untold;

    @Override
    float threshold(int feature) {
      if (untold >= TELL_AFTER) {
        tell();
      }
      return Float.intBitsToFloat(floor.get());
    }

    @Override
    void add(int token, int feature, float value, float score) {
      super.add(token, feature, value, score);
      own[Float.floatToRawIntBits(score) >>> SHIFT]++;
      untold++;
    }

    @Override
    void clear() {
      super.clear();
      java.util.Arrays.fill(own, 0);
      untold = 0;
    }

    private void tell() {
      for (int bin = 0; bin < BINS; bin++) {
        if (own[bin] > 0) {
          counts.addAndGet(bin, own[bin]);
          own[bin] = 0;
        }
      }
      untold = 0;
      raiseFloor();
    }
  }

  /** An encoder without weights that multiplies in float32 alone: {@link #prepare} comes first. */
  public BatchTopKEncoder(Workers workers) {
    this(workers, () -> null);
  }

  /**
   * An encoder without weights: {@link #prepare} comes first.
   *
   * @param product as for {@link TopKEncoder}
   */
  public BatchTopKEncoder(Workers workers, Supplier<? extends Int8Product> product) {
    this(SparseKernels.ofThisMachine(), workers, product);
  }

  BatchTopKEncoder(
      SparseKernels kernels, Workers workers, Supplier<? extends Int8Product> product) {
    scan = new TileScan<>(kernels, workers, product, Found::new);
  }

  @Override
  public void prepare(EncoderWeights weights, boolean[] moved) {
    scan.prepare(weights, moved);
  }

  @Override
  public Follower follower() {
    return scan.follower();
  }

  @Override
  public String screen() {
    return scan.screen();
  }

  /**
   * Raises the threshold to the lower edge of the bin that holds the last wanted score: later
   * scores cannot lower that bin.
   */
  private void raiseFloor() {
    long above = 0;
    for (int bin = BINS - 1; bin > 0; bin--) {
      above += counts.get(bin);
      if (above >= wanted) {
        // A score equal to the edge may be among the largest.
        int below = (bin << SHIFT) - 1;
        floor.accumulateAndGet(below, Math::max);
        return;
      }
    }
  }

  /**
   * Finds the codes of {@code count} tokens: the {@code wanted} of highest score in the whole batch
   * whose value is positive, fewer where fewer are.
   *
   * @param wanted codes of all tokens together, at least 1
   * @param tokens {@code [count, width]}
   * @param out overwritten
   * @return the lowest score that was kept, 0 if none was
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   * @throws IllegalStateException if there are no weights
   */
  public float encode(float[] tokens, int count, int wanted, SparseRows out) {
    this.wanted = wanted;
    int tasks = scan(tokens, count, guess);
    int size = keepAboveFloor(tasks);
    if (size < wanted && guess > 0) {
      tasks = scan(tokens, count, 0);
      size = keepAboveFloor(tasks);
    }
    float least = select(tasks, size);
    guess = least * CAUTION;
    scan.collect(tasks, count, out);
    return least;
  }

  /** Finds the codes that may be among the largest, all above {@code start}. */
  private int scan(float[] tokens, int count, float start) {
    floor.set(Float.floatToRawIntBits(start));
    for (int bin = 0; bin < BINS; bin++) {
      counts.set(bin, 0);
    }
    // Until the threshold has risen nearly everything passes.
    return scan.scan(tokens, count, null, start > 0);
  }

  /** Drops codes below the running threshold, and counts the rest. */
  private int keepAboveFloor(int tasks) {
    float last = Float.intBitsToFloat(floor.get());
    int size = 0;
    for (int task = 0; task < tasks; task++) {
      scan.found(task).keepAbove(last);
      size = Math.addExact(size, scan.found(task).size());
    }
    return size;
  }

  /** Drops all but the largest; the answer is the least of these. */
  private float select(int tasks, int size) {
    if (size == 0) {
      return 0;
    }
    sorting = ScratchArrays.atLeast(sorting, size);
    int to = 0;
    for (int task = 0; task < tasks; task++) {
      for (int entry = 0; entry < scan.found(task).size(); entry++) {
        sorting[to++] = scan.found(task).score(entry);
      }
    }
    float least = Quickselect.largest(sorting, size, Math.min(wanted, size));
    if (size <= wanted) {
      return least;
    }
    int equal = wanted;
    for (int i = 0; i < size; i++) {
      equal -= sorting[i] > least ? 1 : 0;
    }
    for (int task = 0; task < tasks; task++) {
      equal = scan.keepLargest(task, least, equal);
    }
    return least;
  }
}
