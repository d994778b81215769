package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.dictionary.WeightRows;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Checkpoints and exports of more than 2³¹ weights: 3.8 million rows of width 576. Rows around that
 * edge are marked; all others are zeros that take no memory, or no room in a sparse file. The same
 * edge in encoding, decoding and updates has its test beside the kernels.
 */
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class LargeStateTest {
  private static final int WIDTH = 576;
  private static final int ROWS = 3_800_000;

  /** Holds the element of number 2³¹. */
  private static final int EDGE = (int) ((1L << 31) / WIDTH);

  private static final List<Integer> MARKED = List.of(0, EDGE - 1, EDGE, EDGE + 1, ROWS - 1);

  @TempDir private Path temp;

  private static float mark(int row) {
    return 1 + MARKED.indexOf(row);
  }

  /** The marks that a piece of rows has, in its first and last column. */
  private static void collect(long first, MemorySegment rows, Map<Integer, Float> found) {
    for (int row : MARKED) {
      long at = (row - first) * WIDTH;
      if (row >= first && at * Float.BYTES < rows.byteSize()) {
        float last = rows.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at + WIDTH - 1);
        assertThat(rows.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at)).isEqualTo(last);
        found.put(row, last);
      }
    }
  }

  private static void assertAll(Map<Integer, Float> found) {
    assertThat(found).hasSize(MARKED.size());
    found.forEach((row, value) -> assertThat(value).as("row %d", row).isEqualTo(mark(row)));
  }

  @Test
  void checkpointsAreRestoredOnBothSidesOfTheEdge() throws IOException {
    StateTensor tensor = new StateTensor("encoder", DType.F32, List.of((long) ROWS, (long) WIDTH));
    String header =
        """
        {"__metadata__":{"state":"described"},
        "encoder":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,%d]}}"""
            .formatted(ROWS, WIDTH, tensor.bytes());
    byte[] text = (header + " ".repeat(8 - header.length() % 8)).getBytes(StandardCharsets.UTF_8);
    Path file = temp.resolve("checkpoint-000000001.safetensors");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(8 + text.length + tensor.bytes());
      sparse.writeLong(Long.reverseBytes(text.length));
      sparse.write(text);
      for (int row : MARKED) {
        ByteBuffer bytes = ByteBuffer.allocate(WIDTH * 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putFloat(0, mark(row)).putFloat((WIDTH - 1) * 4, mark(row));
        sparse.seek(8 + text.length + row * tensor.rowBytes());
        sparse.write(bytes.array());
      }
    }
    Map<Integer, Float> found = new TreeMap<>();
    long[] rows = {0};
    StateFile.State state =
        new StateFile.State(
            List.of(tensor),
            (same, first, count, arena) -> {
              throw new AssertionError("nothing is read from the engine");
            },
            (same, first, data) -> {
              assertThat(first).isEqualTo(rows[0]);
              rows[0] += data.byteSize() / tensor.rowBytes();
              collect(first, data, found);
            });
    String described = StateFile.restoreNewest(temp, state, "state", said -> said, "-");
    assertThat(described).isEqualTo("described");
    assertThat(rows[0]).isEqualTo(ROWS);
    assertAll(found);
  }

  /** Bytes instead of floats: the file is then of 2.2 GB only. */
  @Test
  void checkpointsAreWrittenOnBothSidesOfTheEdge() throws IOException {
    assumeTrue(Files.getFileStore(temp).getUsableSpace() > 5L << 30, "there is no room");
    StateTensor tensor = new StateTensor("encoder", DType.U8, List.of((long) ROWS, (long) WIDTH));
    try (Arena arena = Arena.ofShared()) {
      MemorySegment table = HugeMemory.allocate(tensor.bytes(), arena);
      for (int row : MARKED) {
        table.set(ValueLayout.JAVA_BYTE, row * tensor.rowBytes(), (byte) mark(row));
        table.set(ValueLayout.JAVA_BYTE, (row + 1) * tensor.rowBytes() - 1, (byte) mark(row));
      }
      StateFile.State state =
          new StateFile.State(
              List.of(tensor),
              (same, first, count, own) ->
                  table.asSlice(first * tensor.rowBytes(), count * tensor.rowBytes()),
              (same, first, data) -> {});
      StateFile.write(temp, 7, 0, state, "state", "described");
      MemorySegment written =
          Safetensors.open(temp.resolve("checkpoint-000000007.safetensors")).data("encoder");
      assertThat(written.byteSize()).isEqualTo(tensor.bytes()).isGreaterThan(1L << 31);
      assertThat(written.mismatch(table)).isEqualTo(-1);
    }
  }

  @Test
  void exportsReadTheRowsOnBothSidesOfTheEdge() throws IOException {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment table = HugeMemory.allocate((long) ROWS * WIDTH * Float.BYTES, arena);
      for (int row : MARKED) {
        long at = (long) row * WIDTH;
        table.setAtIndex(ValueLayout.JAVA_FLOAT, at, mark(row));
        table.setAtIndex(ValueLayout.JAVA_FLOAT, at + WIDTH - 1, mark(row));
      }
      Map<Integer, Float> found = new TreeMap<>();
      long[] rows = {0};
      WeightRows.of(table, WIDTH)
          .forPieces(
              ROWS,
              WIDTH,
              (first, piece) -> {
                assertThat((long) first).isEqualTo(rows[0]);
                rows[0] += piece.byteSize() / Float.BYTES / WIDTH;
                collect(first, piece, found);
              });
      assertThat(rows[0]).isEqualTo(ROWS);
      assertAll(found);
    }
  }
}
