package io.sluice.engine.torch;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** Tokens and weights whose bounds are tight, wide or at the edge of float32. */
final class ScreenInputs {
  private final Random random;
  private final Arena arena;

  ScreenInputs(Random random, Arena arena) {
    this.random = random;
    this.arena = arena;
  }

  /** What tokens and weights look like. */
  enum Inputs {
    GAUSSIAN,
    /** Few directions hold everything, and a mean far from 0. */
    LOW_RANK,
    /** Many rows are the same. */
    EQUAL_ROWS,
    /** Lengths of rows over twelve powers of ten. */
    HUGE_AND_TINY,
    /** Rows, tokens and biases of zeros among others. */
    ZEROS,
    /** One coordinate holds nearly all of each vector. */
    GIANT_COORDINATE,
    /** All activations below 0. */
    NEGATIVE,
    /** Biases that are larger than products. */
    BIASES
  }

  DictionaryParameters weights(Inputs inputs, int width, int features) {
    DictionaryParameters made = DictionaryParameters.allocate(arena, width, width, features);
    double[][] basis = basis(width);
    for (int feature = 0; feature < features; feature++) {
      double[] row = vector(inputs, width, basis, feature, false);
      for (int i = 0; i < width; i++) {
        made.encoder()
            .setAtIndex(ValueLayout.JAVA_FLOAT, (long) feature * width + i, (float) row[i]);
        made.decoder()
            .setAtIndex(
                ValueLayout.JAVA_FLOAT,
                (long) feature * width + i,
                (float) (row[i] * (1 + feature % 3)));
      }
      double bias =
          switch (inputs) {
            case NEGATIVE -> -1000;
            case BIASES -> 30 * random.nextGaussian();
            case ZEROS -> 0;
            default -> 0.1 * random.nextGaussian();
          };
      made.encoderBias()
          .setAtIndex(
              ValueLayout.JAVA_FLOAT, feature, inputs == Inputs.EQUAL_ROWS ? 0 : (float) bias);
    }
    return made;
  }

  Rows tokens(Inputs inputs, int rows, int width) {
    MemorySegment memory = arena.allocate((long) rows * width * Float.BYTES, 64);
    double[][] basis = basis(width);
    for (int row = 0; row < rows; row++) {
      double[] values = vector(inputs, width, basis, row, true);
      for (int i = 0; i < width; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, (long) row * width + i, (float) values[i]);
      }
    }
    return new Rows(memory, DType.F32, rows, width);
  }

  private double[] vector(Inputs inputs, int width, double[][] basis, int number, boolean token) {
    double[] made = new double[width];
    if (inputs == Inputs.EQUAL_ROWS && !token) {
      Random same = new Random(number % 7);
      for (int i = 0; i < width; i++) {
        made[i] = same.nextGaussian();
      }
      return made;
    }
    for (int i = 0; i < width; i++) {
      made[i] = random.nextGaussian();
    }
    switch (inputs) {
      case LOW_RANK -> {
        double[] mixed = new double[width];
        for (double[] direction : basis) {
          double much = random.nextGaussian();
          for (int i = 0; i < width; i++) {
            mixed[i] += much * direction[i] + (token ? 0.3 : 0);
          }
        }
        return mixed;
      }
      case HUGE_AND_TINY -> scale(made, Math.pow(10, random.nextInt(12) - 6));
      case ZEROS -> scale(made, number % 3 == 0 ? 0 : 1);
      case GIANT_COORDINATE -> made[number % 2] *= 1e5;
      case NEGATIVE -> scale(made, 1);
      default -> {}
    }
    return made;
  }

  private static void scale(double[] values, double by) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= by;
    }
  }

  private static double[][] basis(int width) {
    Random fixed = new Random(42);
    double[][] basis = new double[3][width];
    for (double[] row : basis) {
      for (int i = 0; i < width; i++) {
        row[i] = fixed.nextGaussian();
      }
    }
    return basis;
  }
}
