package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A writer that is stopped by bad values, a full disk or a kill leaves its finished shards. */
class StoreFailureTest {
  @TempDir Path parent;

  @Test
  void namesColumnRowAndElementThatIsNotFinite() throws IOException {
    Path folder = parent.resolve("store");
    Column column = new Column("layers.3.attn_out", 4, DType.F32);
    StoreSpec spec = StoreSpec.of("tiny", "text", List.of(column)).withRowsPerShard(3);
    MemorySegment values = StoreSamples.block(0, 5, 0, 4);
    values.setAtIndex(ValueLayout.JAVA_FLOAT, 4 * 4 + 2, Float.NaN);
    int[] ids = new int[5];
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      assertThatThrownBy(() -> writer.append(ids, ids, ids, DType.F32, values))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("'layers.3.attn_out', row 4, element 2 is NaN")
          .hasMessageContaining(folder.toString());
    }
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(3);
    Path kept = parent.resolve("kept");
    try (StoreWriter writer = StoreWriter.create(kept, spec.withNonFinite(NonFinite.KEEP))) {
      writer.append(ids, ids, ids, DType.F32, values);
      writer.finish();
    }
    assertThat(ActivationStore.open(kept).rows()).isEqualTo(5);
  }

  @Test
  void namesValueTooLargeForFloat16() throws IOException {
    Column column = new Column("layers.3.resid", 4, DType.F16);
    StoreSpec spec = StoreSpec.of("tiny", "text", List.of(column));
    MemorySegment values = StoreSamples.block(0, 1, 0, 4);
    values.setAtIndex(ValueLayout.JAVA_FLOAT, 1, 70_000f);
    try (StoreWriter writer = StoreWriter.create(parent.resolve("store"), spec)) {
      int[] ids = new int[1];
      assertThatThrownBy(() -> writer.append(ids, ids, ids, DType.F32, values))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("row 0, element 1 is Infinity as float16")
          .hasMessageContaining("wider dtype");
    }
  }

  @Test
  void aShardThatCannotBeWrittenKeepsFinishedShards() throws IOException {
    String victim = "shard-00002.arrow";
    Path folder = parent.resolve("store");
    StoreSpec spec = StoreSamples.spec();
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      StoreSamples.append(writer, spec, 16);
      writer.sync();
      Files.createDirectory(folder.resolve(victim));
      assertThatThrownBy(() -> StoreSamples.append(writer, spec, 16))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(folder.resolve(victim).toString())
          .hasMessageContaining("is a folder")
          .hasMessageContaining("keeps the 14 rows");
      assertThatThrownBy(writer::finish).isInstanceOf(IllegalStateException.class);
    }
    assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
    ActivationStore store = ActivationStore.open(folder);
    store.verify();
    assertThat(store.rows()).isEqualTo(14);
    assertThat(store.manifest().complete()).isFalse();
  }

  @Test
  void rejectsArgumentsThatDoNotFit() throws IOException {
    Column column = new Column("layers.0.z", 4, DType.BF16);
    StoreSpec spec = StoreSpec.of("tiny", "text", List.of(column));
    MemorySegment values = StoreSamples.block(0, 2, 0, 4);
    int[] two = new int[2];
    int[] three = new int[3];
    try (StoreWriter writer = StoreWriter.create(parent.resolve("store"), spec)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.append(two, two, three, DType.F32, values))
          .withMessageContaining("3 document ids");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.append(three, three, three, DType.F32, values))
          .withMessageContaining("32 bytes for 3 rows of 4 float32, expected 48");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.append(two, two, two, DType.F16, values))
          .withMessageContaining("is bfloat16, the activations are float16");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> writer.append(two, two, two, DType.F32, values, values))
          .withMessageContaining("2 activation blocks for 1 columns");
      assertThatIllegalArgumentException().isThrownBy(() -> writer.commit(1));
      assertThatIllegalArgumentException().isThrownBy(() -> writer.reserve(0));
    }
  }

  @Test
  void fillsReservedRowsInPieces() throws IOException {
    Path folder = parent.resolve("store");
    Column column = new Column("layers.0.z", 4, DType.F32);
    StoreSpec spec = StoreSpec.of("tiny", "text", List.of(column)).withRowsPerShard(3);
    MemorySegment values = StoreSamples.block(0, 3, 0, 4);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      assertThat(writer.reserve(5).count()).isEqualTo(3);
      writer.fill(0, 2, 1, DType.F32, values.asSlice(32));
      writer.fill(0, 0, 2, DType.F32, values.asSlice(0, 32));
      assertThatThrownBy(() -> writer.fill(0, 2, 2, DType.F32, values.asSlice(0, 32)))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> writer.fill(0, 0, 2, DType.F32, values))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("48 bytes for 2 rows of 4 float32, expected 32");
      assertThatThrownBy(() -> writer.fill(0, 0, 2, DType.F16, values))
          .isInstanceOf(IllegalArgumentException.class);
      writer.commit(3);
      writer.sync();
      assertThat(ActivationStore.open(folder).rows()).isEqualTo(3);
      writer.finish();
    }
    MemorySegment kept = ActivationStore.open(folder).shards().getFirst().data(column.name());
    assertThat(kept.mismatch(values)).isEqualTo(-1);
  }

  @Tag("slow")
  @Test
  void shardLargerThanMemoryIsRefusedBeforeAnythingIsTouched() throws IOException {
    Path folder = parent.resolve("store");
    StoreSamples.write(folder, 9);
    StoreSpec spec = StoreSamples.spec().replacing().withRowsPerShard(Integer.MAX_VALUE);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> StoreWriter.create(folder, spec))
        .withMessageContaining("choose fewer rows per shard");
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(9);
  }

  @Tag("slow")
  @Test
  void killedWriterLeavesEveryFinishedShard() throws Exception {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    Path folder = parent.resolve("store");
    for (int round = 0; round < 3; round++) {
      long reported = writeAndKill(folder, 1 + random.nextInt(150));
      ActivationStore store = ActivationStore.open(folder);
      store.verify();
      // The last full shard may have been on its way.
      assertThat(store.rows()).isGreaterThanOrEqualTo(reported - reported % 7 - 7);
      assertThat(store.rows() % 7).isZero();
      assertThat(store.manifest().complete()).isFalse();
      for (Shard shard : store.shards()) {
        long row = shard.firstRow() + 6;
        assertThat(shard.data(StoreSamples.F32).getAtIndex(ValueLayout.JAVA_FLOAT, 6 * 6 + 5))
            .isEqualTo(StoreSamples.value(row, 0, 5));
      }
    }
  }

  /** Kills a writing process once it reported {@code reports} appends; gives the rows reported. */
  private static long writeAndKill(Path folder, int reports) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-cp",
                System.getProperty("java.class.path"),
                EndlessWriter.class.getName(),
                folder.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      long rows = 0;
      for (int i = 0; i < reports; i++) {
        String line = output.readLine();
        assertThat(line).as("the writer goes on until it is killed").isNotNull();
        rows = Long.parseLong(line);
      }
      process.destroyForcibly();
      process.waitFor();
      return rows;
    }
  }

  /** Replaces a store and appends to it until killed; prints the rows after each append. */
  static final class EndlessWriter {
    private EndlessWriter() {}

    public static void main(String[] args) throws IOException {
      StoreSpec spec = StoreSamples.spec().replacing();
      try (StoreWriter writer = StoreWriter.create(Path.of(args[0]), spec)) {
        while (true) {
          StoreSamples.append(writer, spec, 3);
          System.out.println(writer.rows());
        }
      }
    }
  }
}
