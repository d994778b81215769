package io.sluice.spark.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.ChildJvm;
import io.sluice.testing.Seeds;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@link FileCache} with sources in memory; {@code ClusterStorageTest} has Hadoop's. */
class FileCacheTest {
  private static final String STORE = "store-0123456789abcdef0123456789abcdef";

  @TempDir Path temp;
  private final AtomicInteger fetched = new AtomicInteger();

  private FileCache cache(long bytes) throws IOException {
    return FileCache.of(new CacheSettings(temp.resolve("cache").toString(), bytes));
  }

  private static byte[] content(int number, int bytes) {
    byte[] content = new byte[bytes];
    new Random(number).nextBytes(content);
    return content;
  }

  private RemoteFile file(int number, int bytes) {
    return file(number, bytes, content(number, bytes));
  }

  /** A file of which the source has other bytes than it should have. */
  private RemoteFile file(int number, int bytes, byte[] source) {
    Fingerprint.Sum sum = Fingerprint.crc32c(0).begin();
    sum.add(content(number, bytes), bytes);
    String name = "shard-0000" + number + ".arrow";
    return new RemoteFile(
        "s3a://bucket/store/" + name,
        STORE,
        name,
        bytes,
        new Fingerprint(Fingerprint.Kind.CRC32C, sum.digits()),
        () -> {
          fetched.incrementAndGet();
          return new ByteArrayInputStream(source);
        });
  }

  private Path path(int number) {
    return temp.resolve("cache").resolve(STORE).resolve("shard-0000" + number + ".arrow");
  }

  private long bytes() throws IOException {
    try (Stream<Path> files = Files.walk(temp.resolve("cache"))) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("shard-"))
          .filter(file -> !file.toString().endsWith(".use"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    }
  }

  @Test
  void fetchesOnce() throws IOException {
    FileCache cache = cache(10_000);
    for (int i = 0; i < 3; i++) {
      try (FileCache.Lease lease = cache.lease(file(1, 1000), true)) {
        assertThat(lease.path()).hasBinaryContent(content(1, 1000));
      }
    }
    assertThat(fetched).hasValue(1);
  }

  @Test
  void aTaskThatIsStoppedWaitsForNoFile() throws IOException {
    AtomicBoolean stopped = new AtomicBoolean(true);
    FileCache cache =
        FileCache.of(new CacheSettings(temp.resolve("cache").toString(), 10_000), stopped::get);
    assertThatThrownBy(() -> cache.lease(file(1, 1000), true))
        .isInstanceOf(InterruptedIOException.class)
        .hasMessage("s3a://bucket/store/shard-00001.arrow: its task was stopped");
    assertThat(path(1)).doesNotExist();
    stopped.set(false);
    try (FileCache.Lease lease = cache.lease(file(1, 1000), true)) {
      assertThat(lease.path()).hasBinaryContent(content(1, 1000));
    }
  }

  @Test
  void aDamagedOrTruncatedCopyIsFetchedAgain() throws IOException {
    FileCache cache = cache(10_000);
    cache.lease(file(1, 1000), true).close();
    byte[] damaged = content(1, 1000);
    damaged[500] ^= 1;
    Files.write(path(1), damaged);
    try (FileCache.Lease lease = cache.lease(file(1, 1000), true)) {
      assertThat(lease.path()).hasBinaryContent(content(1, 1000));
    }
    Files.write(path(1), Arrays.copyOf(damaged, 300));
    try (FileCache.Lease lease = cache.lease(file(1, 1000), false)) {
      assertThat(lease.path()).hasBinaryContent(content(1, 1000));
    }
    assertThat(fetched).hasValue(3);
  }

  @Test
  void aSourceWithOtherBytesIsRefusedAndLeavesNothing() throws IOException {
    FileCache cache = cache(10_000);
    byte[] damaged = content(1, 1000);
    damaged[999] ^= 1;
    refused(cache, file(1, 1000, damaged), "checksum is ", "it changed since it was written");
    refused(cache, file(1, 1000, Arrays.copyOf(damaged, 999)), "is 999 bytes long", " 1000; ");
    refused(cache, file(1, 1000, new byte[3000]), "is more than 1000 bytes long");
    assertThat(bytes()).isZero();
  }

  private static void refused(FileCache cache, RemoteFile file, String... parts) {
    assertThatThrownBy(() -> cache.lease(file, false))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("s3a://bucket/store/shard-00001.arrow: ")
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  @Test
  void theLeastRecentlyUsedMakesRoomAndNoneThatIsInUse() throws IOException {
    FileCache cache = cache(3500);
    FileCache.Lease first = cache.lease(file(1, 1000), true);
    cache.lease(file(2, 1000), true).close();
    cache.lease(file(3, 1000), true).close();
    cache.lease(file(2, 1000), true).close();
    cache.lease(file(4, 1000), true).close();
    assertThat(path(1)).exists();
    assertThat(path(2)).exists();
    assertThat(path(3)).doesNotExist();
    assertThat(bytes()).isLessThanOrEqualTo(3500);
    assertThatThrownBy(() -> cache.lease(file(5, 2600), true))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("shard-00005.arrow: there is no room", "leave 2500 of 3500 bytes");
    first.close();
    cache.lease(file(5, 2600), true).close();
    assertThat(path(1)).doesNotExist();
    assertThatThrownBy(() -> cache.lease(file(6, 3501), true))
        .hasMessageContainingAll("has 3501 bytes", "give a larger --cache-size");
  }

  @Test
  void filesOfOthersInTheFolderStay() throws IOException {
    FileCache cache = cache(1500);
    Path notes = Files.writeString(temp.resolve("cache/notes.txt"), "x".repeat(5000));
    Path folder = Files.createDirectories(temp.resolve("cache").resolve(STORE));
    Path other = Files.writeString(folder.resolve("other.txt"), "x".repeat(5000));
    cache.lease(file(1, 1000), true).close();
    cache.lease(file(2, 1000), true).close();
    assertThat(notes).exists();
    assertThat(other).exists();
    assertThat(path(1)).doesNotExist();
  }

  @Test
  void threadsShareIt() throws Exception {
    FileCache cache = cache(8000);
    Random random = new Random(Seeds.seed());
    List<Callable<Void>> work = new ArrayList<>();
    for (int thread = 0; thread < 4; thread++) {
      int[] numbers = random.ints(60, 0, 10).toArray();
      work.add(
          () -> {
            for (int number : numbers) {
              int bytes = 1000 + 100 * number;
              try (FileCache.Lease lease = cache.lease(file(number, bytes), true)) {
                assertThat(lease.path()).hasBinaryContent(content(number, bytes));
              }
              assertThat(cache.alone(this::bytes)).isLessThanOrEqualTo(8000);
            }
            return null;
          });
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<Void> each : threads.invokeAll(work)) {
        each.get();
      }
    }
  }

  /** Uses one file, and is killed while it fetches another. */
  static final class Other {
    private Other() {}

    public static void main(String[] args) throws IOException {
      FileCacheTest test = new FileCacheTest();
      FileCache cache = FileCache.of(new CacheSettings(args[0], 3500));
      cache.lease(test.file(1, 1000), true);
      RemoteFile whole = test.file(2, 1000);
      System.out.println("used");
      cache.lease(
          new RemoteFile(
              whole.name(),
              whole.folder(),
              whole.file(),
              whole.bytes(),
              whole.fingerprint(),
              () ->
                  new InputStream() {
                    private int count;

                    @Override
                    public int read() throws IOException {
                      if (count++ == 500) {
                        System.out.println("fetching");
                        // Until the test kills this process.
                        System.in.read();
                      }
                      return 0;
                    }

                    @Override
                    public int read(byte[] bytes, int from, int most) throws IOException {
                      bytes[from] = (byte) read();
                      return 1;
                    }
                  }),
          true);
    }
  }

  @Test
  @Tag("slow")
  void aProcessKeepsWhatItUsesAndLeavesNothingWhenItIsKilled() throws Exception {
    FileCache cache = cache(3500);
    Process other = ChildJvm.start(Other.class, "64m", List.of(temp.resolve("cache").toString()));
    try (BufferedReader said = other.inputReader()) {
      assertThat(said.readLine()).isEqualTo("used");
      assertThat(said.readLine()).isEqualTo("fetching");
      cache.lease(file(3, 1000), true).close();
      // What it uses stays, and what it fetches counts with its whole length.
      assertThatThrownBy(() -> cache.lease(file(4, 1600), true))
          .hasMessageContaining("leave 1500 of 3500 bytes");
      assertThat(path(1)).exists();
      other.destroyForcibly().waitFor();
    }
    cache.lease(file(4, 2500), true).close();
    assertThat(path(1)).exists();
    assertThat(path(2)).doesNotExist();
    assertThat(bytes()).isEqualTo(3500);
    try (FileCache.Lease lease = cache.lease(file(1, 1000), true)) {
      assertThat(lease.path()).hasBinaryContent(content(1, 1000));
    }
  }

  /** Fetches a file when it is told to. */
  static final class Limited {
    private Limited() {}

    public static void main(String[] args) throws IOException {
      FileCache cache = FileCache.of(new CacheSettings(args[0], 1 << 20));
      System.in.read();
      try {
        cache.lease(new FileCacheTest().file(1, 100_000), true);
        System.out.println("fetched");
      } catch (IOException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  /** A limit on the size of a file stands for a full disk. */
  @Test
  @Tag("slow")
  @EnabledOnOs(OS.LINUX)
  void aFullDiskIsNamed() throws Exception {
    Path folder = temp.resolve("cache");
    Process other = ChildJvm.start(Limited.class, "64m", List.of(folder.toString()));
    try (BufferedReader said = other.inputReader()) {
      String[] limit = {"prlimit", "--pid", Long.toString(other.pid()), "--fsize=50000"};
      assertThat(new ProcessBuilder(limit).inheritIO().start().waitFor()).isZero();
      other.getOutputStream().write('\n');
      other.getOutputStream().close();
      assertThat(said.readLine())
          .startsWith(folder + ": cannot be written (")
          .endsWith("; make room, or give another folder with --cache");
      other.waitFor();
    }
    assertThat(bytes()).isZero();
  }

  @Test
  void aFolderThatIsAFileIsRefused() throws IOException {
    Path folder = Files.writeString(temp.resolve("file"), "");
    assertThatThrownBy(() -> FileCache.of(new CacheSettings(folder.toString(), 1000)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder + ": is a file");
  }
}
