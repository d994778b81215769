package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sluice.store.files.Column;
import io.sluice.testing.InMemory;
import io.sluice.testing.Mutations;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Folders without a manifest whose files of several record batches are damaged: each opens, and all
 * its rows can be read, or is refused by one line that names the folder, in little time and memory.
 */
@Tag("fuzz")
@Execution(ExecutionMode.CONCURRENT)
@Timeout(value = 4, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PlainFolderFuzzTest {
  private static final int MUTATIONS = Integer.getInteger("sluice.mutations", 1500);
  private static final long MOST_BYTES = 16L << 20;
  private static final long SLOWEST_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir(factory = InMemory.class)
  private Path temp;

  @Test
  void damagedFiles() throws IOException {
    Random random = new Random(Seeds.seed());
    Path folder = Files.createDirectory(temp.resolve("folder"));
    Path first = folder.resolve("a.arrow");
    Path second = folder.resolve("b.arrow");
    for (Path file : List.of(first, second)) {
      List<String> numbers = List.of("position", "document_id");
      Map<String, String> metadata = Map.of("sluice.firstPosition", "1");
      ArrowFiles.write(file, List.of("x", "y"), 2, numbers, metadata, 0, 3, 4);
    }
    byte[] whole = Files.readAllBytes(first);
    int opened = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      Path damaged = random.nextBoolean() ? first : second;
      // Mostly in the metadata: the rest is values, which may be any.
      byte[] bytes =
          random.nextInt(3) == 0 ? Mutations.mutate(whole, random) : inFooter(whole, random);
      Files.write(damaged, bytes);
      opened += opens(i, folder, random) ? 1 : 0;
      Files.write(damaged, whole);
    }
    System.out.printf("plain folders: %d of %d opened%n", opened, MUTATIONS);
    assertThat(opened).isBetween(MUTATIONS / 100, MUTATIONS * 95 / 100);
  }

  /** Changes some bytes or words near the end, where schema and places of batches are. */
  private static byte[] inFooter(byte[] whole, Random random) {
    byte[] bytes = whole.clone();
    int from = bytes.length * 2 / 3;
    MemorySegment memory = MemorySegment.ofArray(bytes);
    for (int changes = random.nextInt(3); changes >= 0; changes--) {
      int at = from + random.nextInt(bytes.length - from - 8);
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] = (byte) random.nextInt();
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> memory.set(ValueLayout.JAVA_INT_UNALIGNED, at, random.nextInt(-9, 4096));
        default ->
            memory.set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextBoolean() ? -1 : 1L << 62);
      }
    }
    return bytes;
  }

  private static boolean opens(int number, Path folder, Random random) {
    long allocated = THREADS.getCurrentThreadAllocatedBytes();
    long start = THREADS.getCurrentThreadCpuTime();
    boolean opened = false;
    try {
      read(ActivationStore.open(folder, random.nextBoolean() ? Reading.MAPPED : Reading.COPIED));
      opened = true;
    } catch (IOException e) {
      assertThat(e.getMessage())
          .contains(folder.toString())
          .doesNotContain("\n", "\u001b", "\u202e");
    } catch (RuntimeException | Error e) {
      throw new AssertionError("mutation " + number, e);
    }
    assertThat(THREADS.getCurrentThreadCpuTime() - start).isLessThan(SLOWEST_NANOS);
    assertThat(THREADS.getCurrentThreadAllocatedBytes() - allocated).isLessThan(MOST_BYTES);
    return opened;
  }

  private static void read(ActivationStore store) throws IOException {
    List<String> names = store.columns().stream().map(Column::name).toList();
    long rows = 0;
    for (Batches batches = store.batches(BatchPlan.sequential(names, 4)); batches.hasNext(); ) {
      rows += batches.next().rows();
    }
    assertThat(rows).isEqualTo(store.rows());
    for (Shard shard : store.shards()) {
      for (Column column : store.columns()) {
        assertThat(shard.data(column.name()).byteSize())
            .isEqualTo((long) shard.rows() * column.bytesPerRow());
      }
      assertThat(shard.data(Column.TOKEN_ID).get(ValueLayout.JAVA_INT, 0)).isEqualTo(Shard.UNKNOWN);
    }
    store.heldOut(0.1, 1, 0);
  }
}
