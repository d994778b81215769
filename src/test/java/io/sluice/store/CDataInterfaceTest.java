package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.files.Column;
import io.sluice.testing.EmbeddedPython;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Python in this very process sees a live batch at the address where Java gathered it. */
@Tag("python")
class CDataInterfaceTest {
  private static final List<String> NAMES =
      List.of(StoreSamples.F32, StoreSamples.F16, StoreSamples.BF16, Column.TOKEN_ID);

  // Sizes of the structures in the specification of the Arrow C Data Interface, 64 bits.
  private static final int ARRAY_BYTES = 80;
  private static final int SCHEMA_BYTES = 72;

  @TempDir Path folder;

  @Tag("slow")
  @Test
  void pythonReadsALiveBatchInPlace() throws IOException {
    EmbeddedPython python = EmbeddedPython.require();
    StoreSamples.write(folder.resolve("store"), 40);
    ActivationStore store = ActivationStore.open(folder.resolve("store"));
    Batches batches = store.batches(NAMES, 8, 3);
    Path answer = folder.resolve("answer.json");
    try (Arena arena = Arena.ofConfined();
        BufferAllocator allocator = ArrowMemory.newAllocator()) {
      MemorySegment array = arena.allocate(ARRAY_BYTES, 8);
      MemorySegment schema = arena.allocate(SCHEMA_BYTES, 8);
      Batch batch = batches.next();
      ArrowVectors.export(allocator, batch, array.address(), schema.address());
      python.run(
          Files.readString(Path.of("src/test/python/import_batch.py"))
              + "\nimport_batch(%d, %d)\nreport(r'%s')\n"
                  .formatted(array.address(), schema.address(), answer));
      check(batch, answer);
      // The batch that Python holds is live: it sees the next one too.
      check(batches.next(), report(python, answer));
      assertThat(allocator.getAllocatedMemory()).isPositive();
      python.run("release()");
      assertThat(allocator.getAllocatedMemory()).isZero();
    }
  }

  private static Path report(EmbeddedPython python, Path answer) {
    python.run("report(r'%s')".formatted(answer));
    return answer;
  }

  private static void check(Batch batch, Path answer) throws IOException {
    JsonNode seen = new ObjectMapper().readTree(answer.toFile());
    assertThat(seen.path("rows").asInt()).isEqualTo(batch.rows());
    assertThat(seen.path("allocated").asLong()).isZero();
    for (int i = 0; i < NAMES.size(); i++) {
      JsonNode entry = seen.path("columns").path(NAMES.get(i));
      assertThat(entry.path("address").asLong()).isEqualTo(batch.data(i).address());
      Column column = batch.columns().get(i);
      assertThat(entry.path("values").size()).isEqualTo(batch.rows() * column.width());
      for (int row = 0; row < batch.rows(); row++) {
        for (int e = 0; e < column.width(); e++) {
          double expected =
              column.isTokenColumn()
                  ? StoreSamples.tokenId(batch.rowNumber(row))
                  : StoreSamples.value(batch.rowNumber(row), i, e);
          assertThat(entry.path("values").path(row * column.width() + e).asDouble())
              .isEqualTo(expected);
        }
      }
    }
  }
}
