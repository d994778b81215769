package io.sluice.training;

import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.NonFinite;
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

/** Small stores of made-up activations: a few directions of a wider space, off centre. */
public final class SyntheticStore {
  /** The column that is written. */
  public static final String HOOK = "layers.0.attn_out";

  /** Width of the column. */
  public static final int WIDTH = 24;

  /** Directions in which the activations vary. */
  public static final int RANK = 10;

  private SyntheticStore() {}

  /** Writes {@code rows} rows of a dtype that follow from {@code seed}. */
  public static ActivationStore write(Path folder, int rows, DType dtype, long seed)
      throws IOException {
    return write(folder, rows, dtype, seed, -1);
  }

  /** The same with a NaN in one row. */
  public static ActivationStore writeWithNaN(Path folder, int rows, long seed, int badRow)
      throws IOException {
    return write(folder, rows, DType.F32, seed, badRow);
  }

  /** Writes {@code rows} rows that are all one vector. */
  public static ActivationStore writeConstant(Path folder, int rows) throws IOException {
    StoreSpec spec =
        StoreSpec.of("synthetic", "noise", List.of(new Column(HOOK, WIDTH, DType.F32)));
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment memory = arena.allocate((long) rows * WIDTH * Float.BYTES, 64);
      for (int i = 0; i < rows * WIDTH; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0.1f + i % WIDTH);
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, memory);
      writer.finish();
    }
    return ActivationStore.open(folder);
  }

  /**
   * Writes {@code rows} rows whose elements are random and of one size.
   *
   * @return the folder
   */
  public static Path writeOfSize(Path folder, int rows, float size) throws IOException {
    StoreSpec spec =
        StoreSpec.of("synthetic", "noise", List.of(new Column(HOOK, WIDTH, DType.F32)));
    Random random = new Random(1);
    float[] values = new float[rows * WIDTH];
    for (int i = 0; i < values.length; i++) {
      values[i] = size * (1 + random.nextFloat());
    }
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.append(
          new int[rows], new int[rows], new int[rows], DType.F32, MemorySegment.ofArray(values));
      writer.finish();
    }
    return folder;
  }

  private static ActivationStore write(Path folder, int rows, DType dtype, long seed, int badRow)
      throws IOException {
    Random random = new Random(seed);
    float[][] directions = new float[RANK][WIDTH];
    float[] mean = new float[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
      mean[i] = (float) random.nextGaussian();
      for (float[] direction : directions) {
        direction[i] = (float) random.nextGaussian();
      }
    }
    StoreSpec spec =
        StoreSpec.of("synthetic", "noise", List.of(new Column(HOOK, WIDTH, dtype)))
            .withRowsPerShard(1000)
            .withNonFinite(NonFinite.KEEP);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment memory = arena.allocate((long) rows * WIDTH * Float.BYTES, 64);
      for (int row = 0; row < rows; row++) {
        float[] x = mean.clone();
        for (int active = 0; active < 3; active++) {
          float weight = (float) Math.abs(random.nextGaussian());
          float[] direction = directions[random.nextInt(RANK)];
          for (int i = 0; i < WIDTH; i++) {
            x[i] += weight * direction[i];
          }
        }
        if (row == badRow) {
          x[5] = Float.NaN;
        }
        MemorySegment.copy(x, 0, memory, ValueLayout.JAVA_FLOAT, 4L * row * WIDTH, WIDTH);
      }
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, memory);
      writer.finish();
    }
    return ActivationStore.open(folder);
  }
}
