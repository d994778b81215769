package io.sluice.spark;

import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * Writes a store of synthetic activations for {@code bench_spark.py}: {@code DIR SHARDS ROWS
 * WIDTH}, with two hook points. All shards have the same values, which cost as much as others.
 */
public final class SyntheticShards {
  private static final long SEED = 1;

  private SyntheticShards() {}

  /** Runs it. */
  public static void main(String[] args) throws IOException {
    int shards = Integer.parseInt(args[1]);
    int rows = Integer.parseInt(args[2]);
    int width = Integer.parseInt(args[3]);
    List<Column> columns =
        List.of(
            new Column("layers.0.attn_out", width, DType.F32),
            new Column("layers.0.resid", width, DType.F32));
    Random random = new Random(SEED);
    float[] values = new float[rows * width];
    for (int at = 0; at < values.length; at++) {
      values[at] = (float) (random.nextGaussian() / (1 + at % width));
    }
    MemorySegment column = MemorySegment.ofArray(values);
    StoreSpec spec = StoreSpec.of("synthetic", "noise", columns).withRowsPerShard(rows);
    try (StoreWriter writer = StoreWriter.create(Path.of(args[0]), spec)) {
      for (int shard = 0; shard < shards; shard++) {
        writer.append(new int[rows], new int[rows], new int[rows], DType.F32, column, column);
      }
      writer.finish();
    }
  }
}
