package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes into a store comes out of it. */
class StoreRoundTripTest {
  @TempDir Path folder;

  @Tag("slow")
  @Test
  void givesBackEveryValueOfEveryColumn() throws IOException {
    StoreSpec spec = StoreSamples.write(folder, 25);
    ActivationStore store = ActivationStore.open(folder);
    store.verify();
    assertThat(store.rows()).isEqualTo(25);
    assertThat(store.shards()).extracting(Shard::rows).containsExactly(7, 7, 7, 4);
    assertThat(store.columns()).isEqualTo(spec.columns());
    for (Shard shard : store.shards()) {
      MemorySegment tokens = shard.data(Column.TOKEN_ID);
      MemorySegment positions = shard.data(Column.POSITION);
      MemorySegment documents = shard.data(Column.DOCUMENT_ID);
      for (int i = 0; i < shard.rows(); i++) {
        long row = shard.firstRow() + i;
        assertThat(tokens.getAtIndex(ValueLayout.JAVA_INT, i)).isEqualTo(StoreSamples.tokenId(row));
        assertThat(positions.getAtIndex(ValueLayout.JAVA_INT, i))
            .isEqualTo(StoreSamples.position(row));
        assertThat(documents.getAtIndex(ValueLayout.JAVA_INT, i))
            .isEqualTo(StoreSamples.documentId(row));
        for (int c = 0; c < spec.columns().size(); c++) {
          Column column = spec.columns().get(c);
          MemorySegment data = shard.data(column.name());
          for (int e = 0; e < column.width(); e++) {
            assertThat(Elements.get(data, column.dtype(), (long) i * column.width() + e))
                .isEqualTo(StoreSamples.value(row, c, e));
          }
        }
      }
    }
  }

  @Test
  void mappedColumnsAreReadOnlyAndAlignedForVectors() throws IOException {
    StoreSamples.write(folder, 20);
    for (Shard shard : ActivationStore.open(folder).shards()) {
      for (String name : List.of(StoreSamples.F32, StoreSamples.F16, StoreSamples.BF16)) {
        MemorySegment data = shard.data(name);
        assertThat(data.isReadOnly()).isTrue();
        assertThat(data.address() % 64).isZero();
      }
    }
  }

  @Test
  void manifestTellsWhatTheStoreIs() throws IOException {
    StoreSpec spec = StoreSamples.write(folder, 25);
    Manifest manifest = ActivationStore.open(folder).manifest();
    assertThat(manifest.model()).isEqualTo("tiny");
    assertThat(manifest.text()).isEqualTo("novel.txt");
    assertThat(manifest.complete()).isTrue();
    assertThat(manifest.properties()).isEqualTo(spec.properties());
    assertThat(manifest.columns()).isEqualTo(spec.columns());
    assertThat(manifest.writer()).contains("sluice", "Java");
    assertThat(manifest.shards()).hasSize(4);
  }

  @Test
  void rowsCanBeFilledInPlace() throws IOException {
    Column column = new Column("layers.0.z", 3, DType.F32);
    StoreSpec spec = StoreSpec.of("tiny", "novel.txt", List.of(column)).withRowsPerShard(4);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      for (int left = 10; left > 0; ) {
        ReservedRows rows = writer.reserve(left);
        for (int i = 0; i < rows.count(); i++) {
          rows.activations().get(0).setAtIndex(ValueLayout.JAVA_FLOAT, 3L * i, rows.firstRow() + i);
        }
        writer.commit(rows.count());
        left -= rows.count();
      }
      writer.finish();
    }
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.rows()).isEqualTo(10);
    assertThat(store.shards().get(2).data("layers.0.z").getAtIndex(ValueLayout.JAVA_FLOAT, 3))
        .isEqualTo(9f);
  }

  @Test
  void storeWithoutRowsOpens() throws IOException {
    StoreSamples.write(folder, 0);
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.rows()).isZero();
    assertThat(store.batches(BatchPlan.sequential(List.of(StoreSamples.F32), 4)).hasNext())
        .isFalse();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.batches(List.of(StoreSamples.F32), 4, 1))
        .withMessageContaining("none of its 0 rows");
  }

  @Test
  void unfinishedWriterLeavesItsFinishedShards() throws IOException {
    StoreSpec spec = StoreSamples.spec();
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      assertThat(ActivationStore.open(folder).rows()).isZero();
      StoreSamples.fill(writer, spec, 17, new Random(1));
    }
    ActivationStore store = ActivationStore.open(folder);
    assertThat(store.rows()).isEqualTo(14);
    assertThat(store.manifest().complete()).isFalse();
  }

  @Test
  void refusesFolderThatIsNotEmpty() throws IOException {
    StoreSamples.write(folder, 20);
    assertThatThrownBy(() -> StoreWriter.create(folder, StoreSamples.spec()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining("already holds an activation store");
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(20);
    StoreWriter.create(folder, StoreSamples.spec().replacing()).close();
    assertThat(ActivationStore.open(folder).rows()).isZero();
    Files.writeString(folder.resolve("thesis.tex"), "mine");
    assertThatThrownBy(() -> StoreWriter.create(folder, StoreSamples.spec().replacing()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("not only an activation store");
    assertThat(folder.resolve("thesis.tex")).exists();
  }

  @Test
  void namesColumnsThatExist() throws IOException {
    StoreSamples.write(folder, 8);
    ActivationStore store = ActivationStore.open(folder);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.column("layers.9.z"))
        .withMessageContaining("layers.9.z")
        .withMessageContaining(StoreSamples.F32)
        .withMessageContaining(StoreSamples.BF16);
  }

  @Test
  void usingClosedWriterIsAnError() throws IOException {
    StoreWriter writer = StoreWriter.create(folder, StoreSamples.spec());
    writer.finish();
    assertThatThrownBy(() -> StoreSamples.append(writer, StoreSamples.spec(), 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
