package io.sluice.training;

import io.sluice.dictionary.SiteFeed;
import io.sluice.engine.Engine;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Restarts dead features at badly reconstructed inputs (Bricken et al. 2023, "Towards
 * Monosemanticity"): each gets the direction of an input, drawn with a probability proportional to
 * the square of its squared error. The decoder row gets the mean length of the decoder rows of
 * features that are not dead, the encoder row {@value #ENCODER_SHARE} of the mean length of their
 * encoder rows. The encoder bias and all moments become 0.
 */
final class Resampling {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Rows that are read at a time. */
  private static final int PIECE = 4096;

  private static final double ENCODER_SHARE = 0.2;

  private Resampling() {}

  /**
   * Resamples.
   *
   * @param sample inputs to draw from, with their targets
   * @param selection how they are encoded
   * @param clock features that fired last at or before this are dead
   * @param uniform draws from [0, 1), one for each dead feature
   * @return how many features were dead
   */
  static int apply(
      Engine engine,
      SiteFeed.Pair sample,
      ActivationFunction selection,
      long clock,
      DoubleSupplier uniform) {
    Function<String, StateTensor> named =
        engine.state().stream().collect(Collectors.toMap(StateTensor::name, t -> t))::get;
    int features = engine.spec().features();
    List<Integer> dead = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment fired = engine.read(named.apply("last_fired"), arena);
      for (int feature = 0; feature < features; feature++) {
        if (fired.getAtIndex(ValueLayout.JAVA_LONG, feature) <= clock) {
          dead.add(feature);
        }
      }
      if (dead.isEmpty() || dead.size() == features) {
        return dead.size();
      }
      double[] upTo = cumulated(engine, sample, selection, arena);
      int[] drawn = new int[dead.size()];
      for (int i = 0; i < drawn.length; i++) {
        drawn[i] = row(upTo, uniform.getAsDouble());
      }
      MemorySegment bias = copy(engine, named.apply("decoder_bias"), arena);
      rewrite(
          engine,
          named.apply("encoder"),
          dead,
          drawn,
          sample.input(),
          engine.spec().subtractDecoderBias() ? bias : null,
          ENCODER_SHARE);
      rewrite(engine, named.apply("decoder"), dead, drawn, sample.target(), bias, 1);
      for (String name : List.of("encoder", "decoder", "encoder_bias")) {
        if (name.equals("encoder_bias")) {
          zero(engine, named.apply(name), dead);
        }
        zero(engine, named.apply(name + ".first_moment"), dead);
        zero(engine, named.apply(name + ".second_moment"), dead);
      }
    }
    return dead.size();
  }

  /** Sums of the rows' squared losses, up to and with each. */
  private static double[] cumulated(
      Engine engine, SiteFeed.Pair sample, ActivationFunction selection, Arena arena) {
    Rows target = sample.target();
    engine.encode(sample.input(), selection);
    engine.decode(target, false);
    MemorySegment found = arena.allocate((long) target.count() * target.width() * Float.BYTES, 64);
    engine.readReconstruction(found);
    double[] upTo = new double[target.count()];
    double sum = 0;
    for (int row = 0; row < upTo.length; row++) {
      double loss = 0;
      for (int i = 0; i < target.width(); i++) {
        double error = found.getAtIndex(FLOAT, (long) row * target.width() + i) - target.at(row, i);
        loss += error * error;
      }
      sum += loss * loss;
      upTo[row] = sum;
    }
    return upTo;
  }

  /** The first row whose sum is above {@code share} of all. */
  private static int row(double[] upTo, double share) {
    double wanted = share * upTo[upTo.length - 1];
    for (int row = 0; row < upTo.length - 1; row++) {
      if (upTo[row] > wanted) {
        return row;
      }
    }
    return upTo.length - 1;
  }

  private static void rewrite(
      Engine engine,
      StateTensor tensor,
      List<Integer> dead,
      int[] drawn,
      Rows from,
      MemorySegment shift,
      double share) {
    int width = from.width();
    double length = share * meanLength(engine, tensor, dead);
    double[] direction = new double[width];
    change(
        engine,
        tensor,
        dead,
        (i, row) -> {
          double squares = 0;
          for (int j = 0; j < width; j++) {
            double centre = shift == null ? 0 : shift.getAtIndex(FLOAT, j);
            direction[j] = from.at(drawn[i], j) - centre;
            squares += direction[j] * direction[j];
          }
          double factor = squares > 0 ? length / Math.sqrt(squares) : 0;
          for (int j = 0; j < width; j++) {
            row.setAtIndex(FLOAT, j, (float) (factor * direction[j]));
          }
        });
  }

  private static void zero(Engine engine, StateTensor tensor, List<Integer> dead) {
    change(engine, tensor, dead, (i, row) -> row.fill((byte) 0));
  }

  /** Changes a row of a dead feature. */
  private interface RowChange {
    /**
     * Changes it.
     *
     * @param i which of the dead
     */
    void change(int i, MemorySegment row);
  }

  /** Changes rows of dead features, a piece of the tensor at a time. */
  private static void change(
      Engine engine, StateTensor tensor, List<Integer> dead, RowChange change) {
    long rowBytes = tensor.rowBytes();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment scratch = arena.allocate(Math.min(PIECE, tensor.rows()) * rowBytes, 64);
      int next = 0;
      while (next < dead.size()) {
        long first = dead.get(next);
        long count = Math.min(PIECE, tensor.rows() - first);
        MemorySegment rows = scratch.asSlice(0, count * rowBytes);
        try (Arena own = Arena.ofShared()) {
          rows.copyFrom(engine.read(tensor, first, count, own));
        }
        for (; next < dead.size() && dead.get(next) < first + count; next++) {
          change.change(next, rows.asSlice((dead.get(next) - first) * rowBytes, rowBytes));
        }
        engine.write(tensor, first, rows);
      }
    }
  }

  private static double meanLength(Engine engine, StateTensor tensor, List<Integer> dead) {
    int features = engine.spec().features();
    int width = Math.toIntExact(tensor.rowBytes() / Float.BYTES);
    double sum = 0;
    int next = 0;
    for (int first = 0; first < features; first += PIECE) {
      int count = Math.min(PIECE, features - first);
      try (Arena arena = Arena.ofShared()) {
        MemorySegment rows = engine.read(tensor, first, count, arena);
        for (int place = 0; place < count; place++) {
          if (next < dead.size() && dead.get(next) == first + place) {
            next++;
            continue;
          }
          double squares = 0;
          for (int j = 0; j < width; j++) {
            double value = rows.getAtIndex(FLOAT, (long) place * width + j);
            squares += value * value;
          }
          sum += Math.sqrt(squares);
        }
      }
    }
    return sum / (features - dead.size());
  }

  private static MemorySegment copy(Engine engine, StateTensor tensor, Arena arena) {
    return arena.allocate(tensor.bytes(), 64).copyFrom(engine.read(tensor, arena));
  }
}
