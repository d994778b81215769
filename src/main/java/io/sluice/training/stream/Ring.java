package io.sluice.training.stream;

import io.sluice.files.AtomicFile;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * The shards of a stream on disk. A thread of its own captures one visit after the other, and waits
 * before it writes a shard of a visit for which there is no room yet. All other methods are for one
 * thread.
 */
final class Ring implements AutoCloseable {
  private final StreamPlan plan;
  private final Path folder;

  /** The shards of each visit that are on the disk, in order. */
  private final Map<Long, List<Manifest.Shard>> shards = new TreeMap<>();

  private Thread thread;

  /** The last visit that may be written. */
  private long allowed = -1;

  /** Visits before it are let go. */
  private long current;

  private boolean stopped;
  private Throwable failure;

  /** Ends the capture while it waits. */
  private static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1;

    Stopped() {
      super("the capture was stopped", null, false, false);
    }
  }

  /**
   * A ring without shards.
   *
   * @param folder exists; what killed runs left in it is deleted
   */
  Ring(StreamPlan plan, Path folder) throws IOException {
    this.plan = plan;
    this.folder = folder;
    clear(folder);
  }

  /** Deletes what killed runs have left in a folder. */
  static void clear(Path folder) throws IOException {
    AtomicFile.deleteLeftovers(folder);
    try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, "shard-*.arrow")) {
      for (Path shard : left) {
        Files.delete(shard);
      }
    }
  }

  /** Whether a visit is being captured, or will be without a new start. */
  boolean covers(long visit) {
    return thread != null && current <= visit && visit <= allowed + 1;
  }

  /**
   * Captures from a visit on, instead of what was captured until now.
   *
   * @param last the last visit that is needed
   */
  void start(long visit, long last) throws IOException {
    stop();
    release(Long.MAX_VALUE);
    current = visit;
    allowed = visit;
    stopped = false;
    failure = null;
    thread = Thread.ofPlatform().name("capture").daemon().start(() -> capture(visit, last));
  }

  /** Deletes the shards of visits before one. */
  void release(long visit) throws IOException {
    List<Manifest.Shard> gone = new ArrayList<>();
    synchronized (this) {
      current = Math.max(current, visit);
      shards.entrySet().removeIf(entry -> entry.getKey() < visit && gone.addAll(entry.getValue()));
    }
    for (Manifest.Shard shard : gone) {
      Files.deleteIfExists(folder.resolve(shard.file()));
    }
  }

  /** Lets the capture write up to a visit. */
  synchronized void allow(long visit) {
    allowed = Math.max(allowed, visit);
    notifyAll();
  }

  /**
   * Whether all of a visit is on the disk.
   *
   * @throws IOException why the capture has ended before that
   */
  synchronized boolean has(long visit) throws IOException {
    if (isWhole(visit)) {
      return true;
    }
    switch (failure) {
      case null -> {}
      case IOException e -> throw new IOException(e.getMessage(), e);
      default ->
          throw new IOException(
              "the model could not be run: "
                  + (failure.getMessage() == null ? failure.toString() : failure.getMessage()),
              failure);
    }
    return false;
  }

  private boolean isWhole(long visit) {
    return shards.getOrDefault(visit, List.of()).size() == plan.shards(visit);
  }

  /** Waits for news of the capture, at most so many milliseconds. */
  synchronized void await(long visit, long milliseconds) throws IOException {
    if (!isWhole(visit) && failure == null) {
      try {
        wait(milliseconds);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted while tokens were captured", e);
      }
    }
  }

  /**
   * Opens a visit that is on the disk.
   *
   * @param normLimits the largest norms of tokens that are not left out, by hook point; empty to
   *     find them in this visit
   */
  ActivationStore open(long visit, Map<String, Double> normLimits) throws IOException {
    // Mapped files would keep their room on the disk until the mapping is collected; copied ones do
    // until they are closed.
    return ActivationStore.open(folder, plan.manifest(files(visit)), Reading.COPIED, normLimits);
  }

  /** Opens a visit that is on the disk, with the tokens that are left out. */
  ActivationStore openAll(long visit) throws IOException {
    return ActivationStore.open(folder, plan.manifestOfAllTokens(files(visit)), Reading.COPIED);
  }

  private synchronized List<Manifest.Shard> files(long visit) {
    return List.copyOf(shards.get(visit));
  }

  /** A checksum of all bytes of a visit that is on the disk. */
  synchronized int checksum(long visit) {
    CRC32C checksum = new CRC32C();
    for (Manifest.Shard shard : shards.get(visit)) {
      for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
        checksum.update(shard.crc32c() >>> shift);
      }
    }
    return (int) checksum.getValue();
  }

  private void capture(long first, long last) {
    try {
      for (long visit = first; visit <= last; ) {
        long pass = visit / plan.windows();
        long before = pass * plan.windows();
        long end = Math.min(last - before + 1, plan.windows()) * plan.rowsPerWindow();
        plan.capture()
            .part(
                (visit - before) * plan.rowsPerWindow(),
                Math.min(end, plan.capture().rows()),
                plan.size().rowsPerShard())
            .run(plan.model(), plan.spec(), folder, new Gate(before), done -> requireNotStopped());
        visit = before + plan.windows();
      }
    } catch (Stopped e) {
      // As asked.
    } catch (IOException | RuntimeException | Error e) {
      fail(e);
    }
  }

  private synchronized void requireNotStopped() {
    if (stopped) {
      throw new Stopped();
    }
  }

  private synchronized void fail(Throwable e) {
    failure = e;
    notifyAll();
  }

  /** Holds the capture back where there is no room. */
  private final class Gate implements StoreWriter.ShardListener {
    private final long before;

    Gate(long before) {
      this.before = before;
    }

    private long visit(int shard) {
      return before + (long) shard * plan.size().rowsPerShard() / plan.rowsPerWindow();
    }

    @Override
    public void beforeWriting(int shard) {
      synchronized (Ring.this) {
        boolean interrupted = false;
        while (!stopped && visit(shard) > allowed) {
          try {
            Ring.this.wait();
          } catch (InterruptedException e) {
            interrupted = true;
          }
        }
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
        requireNotStopped();
      }
    }

    @Override
    public void written(Manifest.Shard shard) {
      int number = Integer.parseInt(shard.file().replaceAll("\\D", ""));
      synchronized (Ring.this) {
        // A visit without a batch is let go before it is whole; the next release deletes the rest.
        shards.computeIfAbsent(visit(number), visit -> new ArrayList<>()).add(shard);
        Ring.this.notifyAll();
      }
    }
  }

  private void stop() {
    synchronized (this) {
      stopped = true;
      notifyAll();
    }
    boolean interrupted = false;
    while (thread != null) {
      try {
        thread.join();
        thread = null;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends the capture and deletes all shards. */
  @Override
  public void close() throws IOException {
    stop();
    release(Long.MAX_VALUE);
  }
}
