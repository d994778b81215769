package io.sluice.training;

import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Small stores of made-up activations of two layers, each of which reads and writes. */
public final class LayeredStore {
  /** What layers read. */
  public static final List<String> READS = List.of("layers.0.resid", "layers.1.resid");

  /** What layers write. */
  public static final List<String> WRITES = List.of("layers.1.mlp_out", "layers.2.mlp_out");

  private static final int[] WIDTHS = {16, 18, 12, 14};

  private LayeredStore() {}

  /** Causes of the first input show in both outputs, those of the second in the last alone. */
  public static ActivationStore write(Path folder, int rows, long seed) throws IOException {
    Random random = new Random(seed);
    float[][][] directions = new float[4][6][];
    float[][] means = new float[4][];
    for (int column = 0; column < 4; column++) {
      means[column] = normal(random, WIDTHS[column]);
      for (int cause = 0; cause < 6; cause++) {
        directions[column][cause] = normal(random, WIDTHS[column]);
      }
    }
    List<String> names = List.of(READS.get(0), READS.get(1), WRITES.get(0), WRITES.get(1));
    StoreSpec spec =
        StoreSpec.of(
            "synthetic",
            "noise",
            IntStream.range(0, 4)
                .mapToObj(i -> new Column(names.get(i), WIDTHS[i], DType.F32))
                .toList());
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment[] memory = new MemorySegment[4];
      for (int column = 0; column < 4; column++) {
        memory[column] = arena.allocate((long) rows * WIDTHS[column] * Float.BYTES, 64);
      }
      for (int row = 0; row < rows; row++) {
        float[][] x = new float[4][];
        for (int column = 0; column < 4; column++) {
          x[column] = means[column].clone();
        }
        for (int active = 0; active < 2; active++) {
          int first = random.nextInt(6);
          float strength = (float) Math.abs(random.nextGaussian());
          add(x[0], directions[0][first], strength);
          add(x[2], directions[2][first], 0.2f * strength);
          add(x[3], directions[3][first], 0.1f * strength);
          int second = random.nextInt(6);
          float other = (float) Math.abs(random.nextGaussian());
          add(x[1], directions[1][second], other);
          add(x[3], directions[3][(second + 3) % 6], 0.1f * other);
        }
        for (int column = 0; column < 4; column++) {
          MemorySegment.copy(
              x[column],
              0,
              memory[column],
              ValueLayout.JAVA_FLOAT,
              4L * row * WIDTHS[column],
              WIDTHS[column]);
        }
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, memory);
      writer.finish();
    }
    return ActivationStore.open(folder);
  }

  private static float[] normal(Random random, int width) {
    float[] values = new float[width];
    for (int i = 0; i < width; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static void add(float[] sum, float[] direction, float weight) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += weight * direction[i];
    }
  }
}
