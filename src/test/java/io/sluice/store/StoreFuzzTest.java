package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ShardFrame;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.flatbuf.Endianness;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Stores whose Arrow metadata or manifest is changed field by field or byte by byte: each opens,
 * and then gives the very bytes that its metadata points at, or is refused by one line that names
 * the file. Nothing that changes the meaning of the bytes opens. Nothing hangs, and nothing takes
 * memory out of proportion to the file.
 */
@Tag("fuzz")
@Execution(ExecutionMode.CONCURRENT)
@Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StoreFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 1500);
  private static final int ROWS = 7;
  private static final long BASE_BYTES = 8L << 20;
  private static final long FACTOR = 64;
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long[] EXTREMES = {
    -1,
    0,
    1,
    2,
    7,
    8,
    41,
    64,
    1 << 16,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MAX_VALUE - 63
  };

  @TempDir(factory = InMemory.class)
  private Path temp;

  private Path folder;
  private byte[][] data;
  private String manifest;

  @BeforeEach
  void write() throws IOException {
    folder = temp.resolve("store");
    StoreSamples.write(folder, ROWS);
    data = ForeignShardTest.data(ActivationStore.open(folder));
    manifest = Files.readString(folder.resolve(Manifest.FILE_NAME));
  }

  @Test
  void fieldsOfArrowsMetadata() throws IOException {
    Random random = new Random(Seeds.seed());
    int opened = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      ForeignShard shard = ForeignShard.plain(ForeignShardTest.COLUMNS, ROWS, data);
      for (int changes = random.nextInt(3); changes >= 0; changes--) {
        mutate(shard, random);
      }
      byte[] bytes = shard.bytes();
      ForeignShardTest.put(folder, bytes);
      opened += opens(i, bytes.length, random, shard) ? 1 : 0;
    }
    System.out.printf("Arrow fields: %d of %d opened%n", opened, MUTATIONS);
    assertThat(opened).isBetween(MUTATIONS / 100, MUTATIONS * 9 / 10);
  }

  @Test
  void bytesOfArrowsMetadata() throws IOException {
    Random random = new Random(Seeds.seed());
    byte[] whole = Files.readAllBytes(folder.resolve("shard-00000.arrow"));
    byte[] foreign = ForeignShard.plain(ForeignShardTest.COLUMNS, ROWS, data).bytes();
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] bytes = Mutations.mutate(random.nextBoolean() ? whole : foreign, random);
      ForeignShardTest.put(folder, bytes);
      opens(i, bytes.length, random, null);
    }
  }

  @Test
  void manifests() throws IOException {
    Random random = new Random(Seeds.seed());
    ForeignShard plain = ForeignShard.plain(ForeignShardTest.COLUMNS, ROWS, data);
    int opened = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] bytes;
      if (random.nextInt(4) == 0) {
        bytes = Mutations.mutate(manifest.getBytes(), random);
      } else {
        ObjectNode root = (ObjectNode) JSON.readTree(manifest);
        root.remove("checksum");
        for (int changes = random.nextInt(3); changes >= 0; changes--) {
          mutate(root, random, 0);
        }
        bytes = JSON.writeValueAsBytes(root);
      }
      Files.write(folder.resolve(Manifest.FILE_NAME), bytes);
      // The shard is as it was: whatever opens has its numbers.
      opened += opens(i, bytes.length, random, plain) ? 1 : 0;
    }
    System.out.printf("manifests: %d of %d opened%n", opened, MUTATIONS);
  }

  /**
   * Whether the store opened, and then gave what it holds.
   *
   * @param shard what its only file says; null where nobody knows
   */
  private boolean opens(int number, int size, Random random, ForeignShard shard) {
    long allocated = THREADS.getCurrentThreadAllocatedBytes();
    long start = THREADS.getCurrentThreadCpuTime();
    boolean opened;
    try {
      ActivationStore store =
          ActivationStore.open(folder, random.nextBoolean() ? Reading.MAPPED : Reading.COPIED);
      read(store, shard);
      opened = true;
    } catch (IOException e) {
      assertThat(e.getMessage())
          .contains(folder.toString())
          .doesNotContain("\n", "\u001b", "\u202e");
      opened = false;
    } catch (RuntimeException | Error e) {
      throw new AssertionError("mutation " + number, e);
    }
    long nanos = THREADS.getCurrentThreadCpuTime() - start;
    allocated = THREADS.getCurrentThreadAllocatedBytes() - allocated;
    if (nanos > SLOWEST_NANOS || allocated > BASE_BYTES + FACTOR * size) {
      throw new AssertionError(
          "mutation %d: %d ns, %d bytes allocated for a file of %d"
              .formatted(number, nanos, allocated, size));
    }
    return opened;
  }

  private void read(ActivationStore store, ForeignShard shard) throws IOException {
    List<String> names = store.columns().stream().map(Column::name).toList();
    Batches batches = store.batches(BatchPlan.sequential(names, 4));
    long rows = 0;
    while (batches.hasNext()) {
      Batch batch = batches.next();
      for (int c = 0; c < names.size(); c++) {
        Column column = store.columns().get(c);
        byte[] expected =
            shard == null ? null : columnOf(shard, c + 3, column.bytesPerRow() * ROWS);
        if (expected != null) {
          int from = (int) rows * column.bytesPerRow();
          MemorySegment part =
              MemorySegment.ofArray(expected)
                  .asSlice(from, (long) batch.rows() * column.bytesPerRow());
          assertThat(batch.data(c).mismatch(part)).isEqualTo(-1);
        }
      }
      rows += batch.rows();
    }
    assertThat(rows).isEqualTo(store.rows());
    for (Shard each : store.shards()) {
      long sum = 0;
      for (byte value : each.data(Column.POSITION, 0, each.rows()).toArray(ValueLayout.JAVA_BYTE)) {
        sum += value;
      }
      assertThat(sum).isGreaterThan(Long.MIN_VALUE);
    }
    if (shard != null) {
      assertThat(shard.endianness).isEqualTo(Endianness.Little);
      assertThat(shard.compression).isNegative();
      assertThat(shard.dictionaries).isZero();
      assertThat(shard.nodes).allMatch(node -> node[1] == 0);
      for (ForeignShard.Column field : all(shard)) {
        assertThat(field.dictionary).isNegative();
        assertThat(field.metadata).doesNotContainKey("ARROW:extension:name");
      }
    }
  }

  /** The bytes that the metadata point at, where the block is that of the file. */
  private static byte[] columnOf(ForeignShard shard, int column, int bytes) {
    if (shard.blocks.getFirst()[1] != 0) {
      return null;
    }
    long[] buffer = shard.buffers.get(shard.dataBuffer(column));
    byte[] found = new byte[bytes];
    System.arraycopy(shard.body, (int) buffer[0], found, 0, bytes);
    return found;
  }

  private static List<ForeignShard.Column> all(ForeignShard shard) {
    List<ForeignShard.Column> all = new ArrayList<>();
    for (ForeignShard.Column field : shard.fields) {
      all.add(field);
      all.addAll(field.children);
    }
    return all;
  }

  private static void mutate(ForeignShard shard, Random random) {
    List<ForeignShard.Column> all = all(shard);
    ForeignShard.Column field = all.get(random.nextInt(all.size()));
    long extreme = EXTREMES[random.nextInt(EXTREMES.length)];
    long small = random.nextInt(64) - 16;
    long any = random.nextBoolean() ? extreme : small;
    switch (random.nextInt(25)) {
      case 0 -> shard.endianness = (short) random.nextInt(3);
      case 1 -> field.dictionary = random.nextInt(3);
      case 2 -> field.metadata.put("ARROW:extension:name", random.nextBoolean() ? "x" : "");
      case 3 -> field.metadata.put(ShardFrame.DTYPE_KEY, random.nextBoolean() ? "float32" : "x");
      case 4 -> field.type = (byte) random.nextInt(30);
      case 5 -> field.width = (int) any;
      case 6 -> field.signed = !field.signed;
      case 7 -> field.precision = (short) random.nextInt(4);
      case 8 -> field.nullable = true;
      case 9 -> field.name = random.nextBoolean() ? null : "\u202e\n".repeat(random.nextInt(300));
      case 10 -> field.children.add(new ForeignShard.Column("more", (byte) random.nextInt(28)));
      case 11 -> field.children.clear();
      case 12 -> shard.rows = any;
      case 13 -> pick(shard.nodes, random)[random.nextInt(2)] = any;
      case 14, 15 -> pick(shard.buffers, random)[random.nextInt(2)] = any;
      case 16 -> pick(shard.buffers, random)[0] += 8L * (random.nextInt(5) - 2);
      case 17 -> pick(shard.blocks, random)[random.nextInt(3)] = any;
      case 18 -> shard.compression = random.nextInt(3);
      case 19 -> shard.dictionaries = random.nextInt(3);
      case 20 -> shard.variadic = new long[] {any};
      case 21 -> shard.bodyDifference = any;
      case 22 -> shard.header = (byte) random.nextInt(6);
      case 23 -> shard.lengthDifference = (int) any;
      default -> shard.footerVersion = (short) random.nextInt(8);
    }
  }

  private static long[] pick(List<long[]> from, Random random) {
    return from.get(random.nextInt(from.size()));
  }

  /** Changes a value somewhere in a document: removes it, or puts one of any type there. */
  private static void mutate(JsonNode node, Random random, int depth) {
    List<JsonNode> inside = new ArrayList<>();
    node.forEach(inside::add);
    if (inside.isEmpty()) {
      return;
    }
    int at = random.nextInt(inside.size());
    JsonNode chosen = inside.get(at);
    if (chosen.isContainerNode() && !chosen.isEmpty() && random.nextInt(4) != 0) {
      mutate(chosen, random, depth + 1);
      return;
    }
    JsonNode value = value(chosen, random);
    if (node instanceof ArrayNode list) {
      if (value == null) {
        list.remove(at);
      } else if (random.nextInt(4) == 0) {
        list.insert(at, chosen);
      } else {
        list.set(at, value);
      }
    } else {
      ObjectNode object = (ObjectNode) node;
      String name = object.properties().stream().toList().get(at).getKey();
      if (value == null) {
        object.remove(name);
      } else {
        object.set(name, value);
      }
    }
  }

  private static JsonNode value(JsonNode old, Random random) {
    long extreme = EXTREMES[random.nextInt(EXTREMES.length)];
    return switch (random.nextInt(10)) {
      case 0 -> null;
      case 1 -> JSON.getNodeFactory().nullNode();
      case 2, 3 -> JSON.getNodeFactory().numberNode(extreme);
      case 4 -> JSON.getNodeFactory().numberNode(old.asLong() + random.nextInt(3) - 1);
      case 5 -> JSON.getNodeFactory().numberNode(random.nextDouble() * 10);
      case 6 -> JSON.getNodeFactory().textNode("\u001b[31m\n".repeat(random.nextInt(200)));
      case 7 -> JSON.getNodeFactory().textNode(old.asText() + (char) random.nextInt(0xd800));
      case 8 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
      default -> random.nextBoolean() ? JSON.createObjectNode() : JSON.createArrayNode();
    };
  }
}
