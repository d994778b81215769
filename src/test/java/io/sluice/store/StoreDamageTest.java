package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ShardBlock;
import io.sluice.store.files.ShardLayout;
import io.sluice.store.files.ShardParser;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged, hostile and foreign stores give one line that names the file, and never a crash. */
class StoreDamageTest {
  @TempDir Path parent;
  private Path folder;
  private Path shard;
  private Path manifest;

  @BeforeEach
  void writeStore() throws IOException {
    folder = parent.resolve("store");
    StoreSamples.write(folder, 9);
    shard = folder.resolve("shard-00001.arrow");
    manifest = folder.resolve(Manifest.FILE_NAME);
  }

  @Test
  void missingFolderOrManifestIsNamed() throws IOException {
    Path nowhere = parent.resolve("nowhere");
    rejected(nowhere, nowhere, "no such folder");
    for (String address : List.of("s3a://bucket/store", "file:///shared/store")) {
      Path place = Path.of(address);
      rejected(place, place, "only 'sluice-spark' reads stores at addresses");
    }
    rejected(shard, shard, "not a folder");
    Files.delete(manifest);
    rejected(folder, "no .manifest.json");
  }

  @Test
  void missingShardIsNamed() throws IOException {
    Files.delete(shard);
    rejected(shard, "missing");
  }

  @Test
  void emptyOrForeignShardIsNamed() throws IOException {
    Files.write(shard, new byte[0]);
    rejected(shard, "truncated");
    byte[] other =
        "PK\u0003\u0004 not an Arrow file, but some other thing".getBytes(StandardCharsets.UTF_8);
    Files.write(shard, other);
    setManifest("\"bytes\" : \\d+(?=[^}]*}\\s*])", "\"bytes\" : " + other.length);
    rejected(shard, "not an Arrow IPC file");
  }

  @Tag("slow")
  @Test
  void shardTruncatedAnywhereIsNamed() throws IOException {
    byte[] whole = Files.readAllBytes(shard);
    for (int length = 0; length < whole.length; length += 1 + length / 40) {
      Files.write(shard, Arrays.copyOf(whole, length));
      rejected(shard, "truncated");
    }
  }

  @Test
  void truncatedBytesNeverParse() throws IOException {
    // The manifest's length check aside: the parser itself must hold.
    byte[] whole = Files.readAllBytes(shard);
    MemorySegment file = aligned(whole);
    for (int length = 0; length < whole.length; length++) {
      MemorySegment part = file.asSlice(0, length);
      assertThatThrownBy(() -> parse(part))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(shard.toString());
    }
  }

  @Tag("slow")
  @Test
  void flippedBitsAreFoundByVerify() throws IOException {
    byte[] bytes = Files.readAllBytes(shard);
    for (int bit = 0; bit < bytes.length * 8; bit += 61) {
      bytes[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(shard, bytes);
      assertThatThrownBy(() -> ActivationStore.open(folder).verify())
          .isInstanceOf(IOException.class)
          .hasMessageContaining(shard.toString());
      bytes[bit / 8] ^= (byte) (1 << bit % 8);
    }
  }

  @Tag("slow")
  @Test
  void flippedBitsNeverLeadOutOfTheFile() throws IOException {
    byte[] bytes = Files.readAllBytes(shard);
    MemorySegment file = aligned(bytes);
    for (long bit = 0; bit < bytes.length * 8L; bit++) {
      flip(file, bit);
      parsesOrIsRefused(file);
      flip(file, bit);
    }
  }

  @Tag("slow")
  @Test
  void hostileNumbersNeverLeadOutOfTheFile() throws IOException {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    byte[] bytes = Files.readAllBytes(shard);
    int[] extremes = {-1, 0, 1, Integer.MIN_VALUE, Integer.MAX_VALUE, bytes.length, -bytes.length};
    for (int round = 0; round < 20_000; round++) {
      MemorySegment file = aligned(bytes);
      for (int change = 0; change <= random.nextInt(3); change++) {
        int at = random.nextInt(bytes.length - 4);
        int value =
            random.nextBoolean() ? extremes[random.nextInt(extremes.length)] : random.nextInt();
        file.set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
      }
      parsesOrIsRefused(file);
    }
  }

  @Tag("slow")
  @Test
  void manifestTruncatedOrFlippedNeverCrashes() throws IOException {
    byte[] whole = Files.readAllBytes(manifest);
    for (int length = 0; length < whole.length - 1; length += 3) {
      Files.write(manifest, Arrays.copyOf(whole, length));
      rejected(manifest, "damaged manifest");
    }
    for (int bit = 0; bit < whole.length * 8; bit += 11) {
      whole[bit / 8] ^= (byte) (1 << bit % 8);
      Files.write(manifest, whole);
      try {
        ActivationStore.open(folder);
      } catch (IOException expected) {
        assertThat(expected.getMessage()).contains(folder.toString()).doesNotContain("\n");
      }
      whole[bit / 8] ^= (byte) (1 << bit % 8);
    }
  }

  @Test
  void manifestWithAnotherTextOrNumberIsFound() throws IOException {
    String original = Files.readString(manifest);
    for (String value : List.of("tiny", "layers", "created\" : \"2", "Java ")) {
      String changed = original.replaceFirst(value, value.substring(0, value.length() - 1) + "~");
      assertThat(changed).isNotEqualTo(original);
      Files.writeString(manifest, changed);
      rejected(manifest, "damaged manifest");
    }
    Files.writeString(manifest, original.replaceAll("\\s*\\R\\s*", " "));
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(9);
    Files.writeString(manifest, withoutChecksum(original));
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(9);
  }

  @Test
  void manifestOfAnotherVersionIsNamed() throws IOException {
    setManifest("sluice.store/1", "sluice.store/2");
    rejected(manifest, "sluice.store/2");
  }

  @Test
  void manifestThatDisagreesWithTheFilesIsNamed() throws IOException {
    String original = withoutChecksum(Files.readString(manifest));
    record Change(String pattern, String replacement, String expected) {}
    for (Change change :
        List.of(
            new Change("\"width\" : 6", "\"width\" : 7", "has width 6, the manifest says 7"),
            new Change("float16", "bfloat16", "does not hold bfloat16"),
            new Change("layers.0.attn_out", "layers.5.attn_out", "layers.5.attn_out"),
            new Change("\"width\" : 6", "\"width\" : 0", "'width' 0, not in"),
            new Change("\"width\" : 6", "\"width\" : 99999999999", "'width' 99999999999"),
            new Change("\"rows\" : 2", "\"rows\" : 3", "its shards hold"),
            new Change("\"rows\" : 9", "\"rows\" : \"nine\"", "no whole number 'rows'"),
            new Change("shard-00001.arrow", "../shard-00001.arrow", "is expected"),
            new Change("bfloat16", "float64", "float64"),
            new Change("crc32c:", "sha256:", "checksum"))) {
      Files.writeString(manifest, original.replaceFirst(change.pattern(), change.replacement()));
      rejected(folder, change.expected());
    }
  }

  @Test
  void leftoversOfAKilledWriterAreIgnored() throws IOException {
    Files.writeString(folder.resolve("shard-00002.arrow.77.tmp"), "half a shard");
    Files.writeString(folder.resolve(".manifest.json.77.tmp"), "{");
    assertThat(ActivationStore.open(folder).rows()).isEqualTo(9);
  }

  private void parsesOrIsRefused(MemorySegment file) {
    try {
      MemorySegment[] columns = parse(file);
      long sum = 0;
      for (MemorySegment column : columns) {
        assertThat(column.address()).isGreaterThanOrEqualTo(file.address());
        assertThat(column.address() + column.byteSize())
            .isLessThanOrEqualTo(file.address() + file.byteSize());
        for (long i = 0; i < column.byteSize(); i++) {
          sum += column.get(ValueLayout.JAVA_BYTE, i);
        }
      }
      assertThat(sum).isGreaterThan(Long.MIN_VALUE);
    } catch (IOException expected) {
      assertThat(expected.getMessage()).contains(shard.toString()).doesNotContain("\n");
    }
  }

  private MemorySegment[] parse(MemorySegment file) throws IOException {
    List<Column> columns = ShardLayout.allColumns(StoreSamples.spec().columns());
    List<ShardBlock> blocks =
        ShardParser.parse(shard, StoreSamples.bytes(file), columns, 2, "the manifest");
    List<MemorySegment> memory = new ArrayList<>();
    for (ShardBlock block : blocks) {
      for (int i = 0; i < columns.size(); i++) {
        if (block.offsets()[i] != ShardBlock.ABSENT) {
          long bytes = (long) block.rows() * columns.get(i).bytesPerRow();
          memory.add(file.asSlice(block.offsets()[i], bytes));
        }
      }
    }
    return memory.toArray(MemorySegment[]::new);
  }

  private static MemorySegment aligned(byte[] bytes) {
    MemorySegment file = Arena.ofAuto().allocate(bytes.length, 64);
    return file.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static void flip(MemorySegment file, long bit) {
    byte flipped = (byte) (file.get(ValueLayout.JAVA_BYTE, bit / 8) ^ 1 << bit % 8);
    file.set(ValueLayout.JAVA_BYTE, bit / 8, flipped);
  }

  private void setManifest(String pattern, String replacement) throws IOException {
    String changed = Files.readString(manifest).replaceFirst(pattern, replacement);
    Files.writeString(manifest, withoutChecksum(changed));
  }

  /** A manifest as a program would write it that knows nothing of its own checksum. */
  private static String withoutChecksum(String json) {
    String changed = json.replaceFirst(",\\s*\"checksum\" : \"crc32c:\\w+\"\\s*}$", "}");
    assertThat(changed).isNotEqualTo(json);
    return changed;
  }

  private void rejected(Path named, String expected) {
    rejected(folder, named, expected);
  }

  private static void rejected(Path opened, Path named, String expected) {
    assertThatThrownBy(() -> ActivationStore.open(opened))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(named.toString())
        .hasMessageContaining(expected)
        .message()
        .doesNotContain("\n");
  }
}
