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

/**
 * Small stores of made-up activations in which one hook point follows from another: a few causes
 * that both show, each in directions and on a scale of its own, off centre, with noise.
 */
public final class PairedStore {
  /** What is read. */
  public static final String INPUT = "layers.2.resid";

  /** What is written. */
  public static final String TARGET = "layers.3.mlp_out";

  /** Width of {@link #INPUT}. */
  public static final int INPUT_WIDTH = 28;

  /** Width of {@link #TARGET}. */
  public static final int TARGET_WIDTH = 20;

  /** Directions in which the target varies, but for noise. */
  public static final int RANK = 9;

  private PairedStore() {}

  /** Writes {@code rows} rows of a dtype that follow from {@code seed}. */
  public static ActivationStore write(Path folder, int rows, DType dtype, long seed)
      throws IOException {
    Random random = new Random(seed);
    float[][] causes = normal(random, RANK, INPUT_WIDTH);
    float[][] effects = normal(random, RANK, TARGET_WIDTH);
    float[] inputMean = normal(random, 1, INPUT_WIDTH)[0];
    float[] targetMean = normal(random, 1, TARGET_WIDTH)[0];
    StoreSpec spec =
        StoreSpec.of(
                "synthetic",
                "noise",
                List.of(
                    new Column(INPUT, INPUT_WIDTH, dtype), new Column(TARGET, TARGET_WIDTH, dtype)))
            .withRowsPerShard(1000);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment inputs = arena.allocate((long) rows * INPUT_WIDTH * Float.BYTES, 64);
      MemorySegment targets = arena.allocate((long) rows * TARGET_WIDTH * Float.BYTES, 64);
      for (int row = 0; row < rows; row++) {
        float[] x = inputMean.clone();
        float[] y = targetMean.clone();
        for (int active = 0; active < 3; active++) {
          float strength = (float) Math.abs(random.nextGaussian());
          int cause = random.nextInt(RANK);
          add(x, causes[cause], strength);
          add(y, effects[cause], 0.1f * strength);
        }
        add(x, normal(random, 1, INPUT_WIDTH)[0], 0.1f);
        add(y, normal(random, 1, TARGET_WIDTH)[0], 0.005f);
        MemorySegment.copy(
            x, 0, inputs, ValueLayout.JAVA_FLOAT, 4L * row * INPUT_WIDTH, INPUT_WIDTH);
        MemorySegment.copy(
            y, 0, targets, ValueLayout.JAVA_FLOAT, 4L * row * TARGET_WIDTH, TARGET_WIDTH);
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, inputs, targets);
      writer.finish();
    }
    return ActivationStore.open(folder);
  }

  private static float[][] normal(Random random, int rows, int width) {
    float[][] values = new float[rows][width];
    for (float[] row : values) {
      for (int i = 0; i < width; i++) {
        row[i] = (float) random.nextGaussian();
      }
    }
    return values;
  }

  private static void add(float[] sum, float[] direction, float weight) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += weight * direction[i];
    }
  }
}
