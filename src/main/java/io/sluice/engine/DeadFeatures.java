package io.sluice.engine;

import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * Finds the features that are dead in a batch, and adds their loss ({@link
 * Engine#addDeadFeatureLoss}): the largest dead features of each token are decoded as a second
 * batch, whose target is the residual of the first.
 */
final class DeadFeatures implements AutoCloseable {
  private final Arithmetic arithmetic;
  private final int features;
  private int[] dead = new int[0];
  private boolean[] inUse = new boolean[0];

  /** Codes of dead features. */
  private final Codes found = new Codes();

  /** The batch's codes, and below them those of dead features. */
  private final Codes both = new Codes();

  private boolean added;

  DeadFeatures(Arithmetic arithmetic, int features) {
    this.arithmetic = arithmetic;
    this.features = features;
  }

  /** Forgets the batch before. */
  void startBatch() {
    added = false;
  }

  /** Whether dead features have a part in the batch's loss. */
  boolean areAdded() {
    return added;
  }

  /**
   * Adds the loss of dead features.
   *
   * @param codes of the batch that was decoded
   * @return what is added; 0 if nothing is dead
   */
  double addLoss(Codes codes, int k, double weight, long clock) {
    int count = find(codes, clock);
    if (count == 0 || weight == 0) {
      return 0;
    }
    arithmetic.encodeAmong(dead, count, Math.min(k, count), found);
    double loss = arithmetic.decodeDead(found, weight);
    join(codes);
    added = true;
    return loss;
  }

  /**
   * Adds the loss of dead features where the codes are.
   *
   * @return what is added, good until the next batch; empty, with nothing done, if the codes must
   *     come to host memory
   */
  Optional<DoubleSupplier> addOnDevice(int k, double weight, long clock) {
    if (weight == 0) {
      return Optional.of(Arithmetic.NOTHING_DEAD);
    }
    Optional<DoubleSupplier> loss = arithmetic.decodeDead(k, weight, clock);
    if (loss.isPresent() && loss.get() != Arithmetic.NOTHING_DEAD) {
      // The arithmetic keeps the codes of both halves, so those of this class are not read.
      both.begin(0, 0);
      added = true;
    }
    return loss;
  }

  /** The codes whose gradients are summed: the batch's, or both halves. */
  Codes with(Codes codes) {
    return added ? both : codes;
  }

  private int find(Codes codes, long clock) {
    if (dead.length == 0) {
      dead = new int[features];
      inUse = new boolean[features];
    }
    Arrays.fill(inUse, false);
    for (int entry = 0; entry < codes.entries(); entry++) {
      inUse[codes.feature(entry)] = true;
    }
    int count = 0;
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment clocks = arithmetic.clocks().read(scratch);
      for (int feature = 0; feature < features; feature++) {
        if (!inUse[feature] && clocks.getAtIndex(ValueLayout.JAVA_LONG, feature) <= clock) {
          dead[count++] = feature;
        }
      }
    }
    return count;
  }

  private void join(Codes codes) {
    both.begin(2 * codes.rows(), codes.entries() + found.entries());
    int entry = 0;
    for (Codes half : List.of(codes, found)) {
      for (int row = 0; row < half.rows(); row++) {
        for (int from = half.offset(row); from < half.offset(row + 1); from++) {
          both.set(entry++, half.feature(from), half.value(from));
        }
        both.endRow(entry);
      }
    }
  }

  @Override
  public void close() {
    found.close();
    both.close();
  }
}
