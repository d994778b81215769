package io.sluice.store;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.ShardBytes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Small stores with known content for tests. */
public final class StoreSamples {
  static final String F32 = "layers.0.attn_out";
  static final String F16 = "layers.0.mlp_out";
  static final String BF16 = "layers.1.resid";

  private StoreSamples() {}

  public static StoreSpec spec() {
    return StoreSpec.of(
            "tiny",
            "novel.txt",
            List.of(
                new Column(F32, 6, DType.F32),
                new Column(F16, 5, DType.F16),
                new Column(BF16, 35, DType.BF16)))
        .withRowsPerShard(7)
        .with("layers", "2");
  }

  /** A multiple of 1/8 that all three dtypes hold exactly, different in neighbouring places. */
  static float value(long row, int column, int element) {
    return ((row * 31 + column * 17 + element * 5) % 127 - 63) / 8f;
  }

  static int tokenId(long row) {
    return (int) (row * 7919 % 30522);
  }

  static int position(long row) {
    return (int) (row % 5);
  }

  static int documentId(long row) {
    return (int) (row / 5);
  }

  /** Appends rows up to {@code rows} in blocks of random size. */
  static void fill(StoreWriter writer, StoreSpec spec, long rows, Random random)
      throws IOException {
    while (writer.rows() < rows) {
      append(writer, spec, (int) Math.min(rows - writer.rows(), 1 + random.nextInt(20)));
    }
  }

  public static void append(StoreWriter writer, StoreSpec spec, int count) throws IOException {
    long first = writer.rows();
    int[] tokens = new int[count];
    int[] positions = new int[count];
    int[] documents = new int[count];
    for (int i = 0; i < count; i++) {
      tokens[i] = tokenId(first + i);
      positions[i] = position(first + i);
      documents[i] = documentId(first + i);
    }
    MemorySegment[] blocks = new MemorySegment[spec.columns().size()];
    for (int c = 0; c < blocks.length; c++) {
      blocks[c] = block(first, count, c, spec.columns().get(c).width());
    }
    writer.append(tokens, positions, documents, DType.F32, blocks);
  }

  /** Rows of float32 values. */
  static MemorySegment block(long first, int count, int column, int width) {
    MemorySegment block = Arena.ofAuto().allocate((long) count * width * Float.BYTES, 4);
    for (int i = 0; i < count; i++) {
      for (int e = 0; e < width; e++) {
        block.setAtIndex(ValueLayout.JAVA_FLOAT, (long) i * width + e, value(first + i, column, e));
      }
    }
    return block;
  }

  public static StoreSpec write(Path folder, long rows) throws IOException {
    StoreSpec spec = spec();
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      fill(writer, spec, rows, new Random(rows));
      writer.finish();
    }
    return spec;
  }

  /** A file's bytes in memory, as the parser reads them. */
  static ShardBytes bytes(MemorySegment file) {
    return new ShardBytes() {
      @Override
      public long size() {
        return file.byteSize();
      }

      @Override
      public ByteBuffer read(long offset, int length) {
        return ByteBuffer.wrap(file.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE));
      }
    };
  }
}
