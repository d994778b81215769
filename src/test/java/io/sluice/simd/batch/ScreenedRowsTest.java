package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.simd.Panels;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScreenedRowsTest {
  /** Memory of a file with holes: only what is touched takes any place. */
  @Test
  void countsPastWhatAnArrayHolds(@TempDir Path folder) throws IOException {
    int coordinates = 1025;
    int features = Integer.MAX_VALUE / coordinates + 1000;
    long bytes = ScreenedRows.bytes(features, coordinates);
    assertThat(bytes / Float.BYTES).isGreaterThan(Integer.MAX_VALUE);
    try (FileChannel file =
            FileChannel.open(
                folder.resolve("rows"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      ScreenedRows rows = new ScreenedRows(memory);
      rows.fit(features, coordinates);
      int last = features / 8 * 8;
      int edge = Integer.MAX_VALUE / coordinates / 8 * 8;
      int[] places = {0, edge, edge + 8, last};
      for (int place : places) {
        float[] tile = new float[8 * coordinates];
        Arrays.fill(tile, place);
        rows.setTile(place, tile);
      }
      for (int place : places) {
        float[] tile = new float[8 * coordinates];
        rows.tile(place, tile);
        assertThat(tile).containsOnly(place);
        long at = (long) place * coordinates * Float.BYTES;
        assertThat(memory.get(Panels.FLOAT, at)).isEqualTo(place);
      }
    }
  }

  @Test
  void keepsItsMemoryWhereItSuffices() {
    ScreenedRows rows = new ScreenedRows();
    rows.fit(9, 3);
    float[] tile = new float[24];
    Arrays.fill(tile, 5);
    rows.setTile(8, tile);
    float[] read = new float[24];
    rows.tile(8, read);
    assertThat(read).isEqualTo(tile);
    rows.fit(2000, 70);
    rows.setTile(1992, new float[8 * 70]);
  }
}
