package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ShardFrame;
import io.sluice.store.files.ShardLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Type;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of other writers: each field of Arrow's metadata that gives the bytes another meaning is
 * refused by its name, and what changes nothing is read to the same numbers.
 */
class ForeignShardTest {
  /** Of the samples, with the activations in the places 3, 4 and 5. */
  static final List<Column> COLUMNS = ShardLayout.allColumns(StoreSamples.spec().columns());

  private static final int ROWS = 7;
  private static final int F32 = 3;
  private static final int BF16 = 5;

  @TempDir private Path temp;
  private Path folder;
  private byte[][] data;

  @BeforeEach
  void write() throws IOException {
    folder = temp.resolve("store");
    StoreSamples.write(folder, ROWS);
    data = data(ActivationStore.open(folder));
  }

  /** The columns of the first shard. */
  static byte[][] data(ActivationStore store) {
    Shard shard = store.shards().getFirst();
    return COLUMNS.stream()
        .map(column -> shard.data(column.name()).toArray(ValueLayout.JAVA_BYTE))
        .toArray(byte[][]::new);
  }

  @Test
  void aPlainFileOfAnotherWriterIsRead() throws IOException {
    isRead(shard -> {});
    isRead(shard -> shard.footerVersion = MetadataVersion.V4);
    isRead(shard -> shard.fields.get(F32).nullable = true);
    isRead(shard -> shard.fields.get(F32).metadata.put(ShardFrame.DTYPE_KEY, "float32"));
    isRead(shard -> shard.metadata.put("pandas", "{}"));
    // A validity bitmap that nobody needs, and room after the data.
    isRead(shard -> shard.buffers.get(shard.dataBuffer(0) - 1)[1] = 1);
    isRead(shard -> shard.buffers.get(shard.dataBuffer(F32))[1] += 2);
  }

  @Test
  void numbersOfAnotherMeaningAreRefused() throws IOException {
    isRefused(shard -> shard.endianness = Endianness.Big, "big-endian");
    isRefused(shard -> shard.fields.get(0).dictionary = 0, "'token_id' is dictionary-encoded");
    isRefused(shard -> shard.fields.get(F32).dictionary = 3, "dictionary-encoded");
    isRefused(shard -> item(shard, F32).dictionary = 3, "dictionary-encoded");
    isRefused(shard -> shard.dictionaries = 1, "dictionary batches");
    for (ExtensionOf of : List.<ExtensionOf>of(s -> s.fields.get(F32), s -> item(s, F32))) {
      isRefused(
          shard -> of.field(shard).metadata.put("ARROW:extension:name", "geo.point"),
          "extension type 'geo.point'");
    }
    isRefused(shard -> shard.compression = 0, "compressed");
    isRefused(shard -> shard.nodes.get(0)[1] = 1, "'token_id' has nulls");
    isRefused(shard -> shard.nodes.get(3)[1] = -1, "has nulls");
    isRefused(shard -> shard.nodes.get(4)[1] = 2, "has nulls");
    isRefused(
        shard -> item(shard, BF16).precision = Precision.HALF,
        shard -> item(shard, BF16).type = Type.FloatingPoint,
        "does not hold bfloat16 elements, but 'bfloat16'");
    isRefused(shard -> shard.fields.get(BF16).metadata.clear(), "holds uint16");
    isRefused(
        shard -> shard.fields.get(F32).metadata.put(ShardFrame.DTYPE_KEY, "int32"), "'int32'");
  }

  /** Gives a field. */
  private interface ExtensionOf {
    ForeignShard.Column field(ForeignShard shard);
  }

  @Test
  void otherTypesAreRefusedByTheirName() throws IOException {
    isRefused(
        shard -> shard.fields.get(F32).type = Type.List,
        "not a list of fixed size, but list of float32");
    isRefused(shard -> shard.fields.get(F32).type = Type.LargeList, "but large_list of float32");
    isRefused(shard -> shard.fields.get(F32).type = Type.ListView, "ListView");
    isRefused(shard -> shard.fields.get(F32).type = 99, "number 99");
    isRefused(shard -> item(shard, F32).precision = Precision.DOUBLE, "but float64");
    isRefused(shard -> item(shard, F32).type = Type.Utf8, "Arrow's type Utf8");
    isRefused(shard -> shard.fields.get(0).signed = false, "int32 elements, but uint32");
    isRefused(shard -> shard.fields.get(0).width = 64, "28 bytes long, but needs 56");
    isRefused(shard -> shard.fields.get(0).width = 16, "but int16");
    isRefused(shard -> shard.fields.get(0).type = Type.Timestamp, "Timestamp");
    isRefused(shard -> shard.fields.get(0).type = Type.NONE, "Arrow's type");
    isRefused(shard -> shard.fields.get(F32).width = 7, "has width 7, the manifest says 6");
    isRefused(shard -> shard.fields.get(F32).name = "layers.9.z", "'layers.9.z'");
    isRefused(
        shard -> shard.fields.remove(F32),
        "no column 'layers.0.attn_out', which the manifest lists; it has 'token_id' (int32)");
  }

  @Test
  void otherCountsAreRefused() throws IOException {
    isRefused(shard -> shard.rows = 8, "8 rows, the manifest says 7");
    isRefused(shard -> shard.nodes.get(0)[0] = 6, "6 elements where 7 are expected");
    isRefused(shard -> shard.nodes.get(4)[0] = 41, "41 elements where 42 are expected");
    isRefused(shard -> shard.nodes.removeLast(), "8 nodes and 15 buffers");
    isRefused(shard -> shard.buffers.removeLast(), "9 nodes and 14 buffers");
    isRefused(shard -> shard.variadic = new long[] {1}, "variable number");
    isRefused(shard -> shard.blocks.add(new long[3]), "overlap or are out of order");
    isRefused(shard -> shard.blocks.clear(), "it has 0 rows, the manifest says 7");
    isRefused(shard -> shard.bodyDifference = 8, "bytes long, its footer says");
    isRefused(shard -> shard.footerVersion = MetadataVersion.V2, "version V2");
    isRefused(shard -> shard.messageVersion = 77, "version number 77");
    isRefused(shard -> shard.header = MessageHeader.DictionaryBatch, "not point at a record batch");
    isRefused(shard -> shard.continuation = 100, "since version 0.15");
    isRefused(shard -> shard.buffers.get(shard.dataBuffer(F32))[0] += 2, "not aligned");
    isRefused(shard -> shard.buffers.get(shard.dataBuffer(F32))[0] = 1 << 20, "within");
    isRefused(shard -> shard.buffers.get(shard.dataBuffer(F32))[1] = 3, "but needs 168");
  }

  @Test
  void shardsOfDifferentSchemasAreRefused() throws IOException {
    StoreSpec spec = StoreSpec.of("tiny", "t", List.of(new Column("layers.0.z", 2, DType.F32)));
    for (int i = 0; i < 2; i++) {
      Column column = new Column(i == 0 ? "layers.0.z" : "layers.1.z", 2, DType.F32);
      StoreSpec one = StoreSpec.of("tiny", "t", List.of(column)).withRowsPerShard(3);
      try (StoreWriter writer = StoreWriter.create(temp.resolve("part" + i), one)) {
        StoreSamples.append(writer, one, 6);
        writer.finish();
      }
    }
    Path mixed = temp.resolve("part0/shard-00001.arrow");
    Files.delete(mixed);
    Files.copy(temp.resolve("part1/shard-00001.arrow"), mixed);
    assertThat(spec.columns()).hasSize(1);
    assertThatThrownBy(() -> ActivationStore.open(temp.resolve("part0")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(mixed.toString())
        .hasMessageContaining("no column 'layers.0.z', which the manifest lists")
        .hasMessageContaining("'layers.1.z' (fixed_size_list of float32)");
  }

  private static ForeignShard.Column item(ForeignShard shard, int column) {
    return shard.fields.get(column).children.getFirst();
  }

  private void isRead(Consumer<ForeignShard> change) throws IOException {
    ForeignShard shard = ForeignShard.plain(COLUMNS, ROWS, data);
    change.accept(shard);
    put(folder, shard.bytes());
    for (Reading reading : Reading.values()) {
      ActivationStore store = ActivationStore.open(folder, reading);
      for (int i = 0; i < COLUMNS.size(); i++) {
        MemorySegment read = store.shards().getFirst().data(COLUMNS.get(i).name());
        assertThat(read.mismatch(MemorySegment.ofArray(data[i]))).isEqualTo(-1);
      }
    }
  }

  private void isRefused(Consumer<ForeignShard> change, String expected) throws IOException {
    isRefused(change, shard -> {}, expected);
  }

  private void isRefused(
      Consumer<ForeignShard> change, Consumer<ForeignShard> another, String expected)
      throws IOException {
    ForeignShard shard = ForeignShard.plain(COLUMNS, ROWS, data);
    change.accept(shard);
    another.accept(shard);
    put(folder, shard.bytes());
    for (Reading reading : Reading.values()) {
      assertThatThrownBy(() -> ActivationStore.open(folder, reading))
          .as(expected)
          .isInstanceOf(IOException.class)
          .hasMessageContaining(folder.resolve("shard-00000.arrow").toString())
          .hasMessageContaining(expected)
          .hasMessageNotContaining("\n");
    }
  }

  /** Puts a file in the place of a store's only shard; its manifest knows the new length. */
  static void put(Path folder, byte[] shard) throws IOException {
    Files.write(folder.resolve("shard-00000.arrow"), shard);
    Path manifest = folder.resolve(Manifest.FILE_NAME);
    Files.writeString(
        manifest,
        Files.readString(manifest)
            .replaceFirst("\"bytes\" : \\d+", "\"bytes\" : " + shard.length)
            .replaceFirst(",\\s*\"checksum\" : \"crc32c:\\w+\"\\s*}$", "}"));
  }
}
