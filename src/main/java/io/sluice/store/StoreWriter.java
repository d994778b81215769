package io.sluice.store;

import io.sluice.files.AtomicFile;
import io.sluice.files.DiskThread;
import io.sluice.files.FolderLock;
import io.sluice.files.OutputFolder;
import io.sluice.memory.DType;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.store.files.ShardFile;
import io.sluice.store.files.ShardLayout;
import io.sluice.store.files.StoreFolder;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Writes an activation store: rows go into the Arrow buffers of one shard in memory, and a full
 * shard goes to the disk from those very buffers, while the next one is filled.
 *
 * <p>After each shard the manifest is replaced, so that a writer that is killed leaves a store with
 * every shard finished until then. Not safe for use by several threads at a time, but for {@link
 * #fill}.
 *
 * <pre>{@code
 * try (StoreWriter writer = StoreWriter.create(folder, spec)) {
 *   writer.append(tokenIds, positions, documentIds, DType.F32, activations);
 *   writer.finish();
 * }
 * }</pre>
 */
public final class StoreWriter implements AutoCloseable {
  private final Path folder;
  private final StoreSpec spec;
  private final ShardLayout layout;

  /** Takes the rows; null once the writer is closed. */
  private ShardBuffer buffer;

  /** Written, or being written; null before the first shard is full. */
  private ShardBuffer spare;

  private final DiskThread<Void> disk;
  private FolderLock lock;

  /** The shards on the disk; the disk thread replaces it, and readers wait for that thread. */
  private Manifest manifest;

  /** The number of the first shard; above 0 in some parts. */
  private final int firstShard;

  /** Whether another writer has the manifest and the lock. */
  private final boolean part;

  private final ShardListener listener;

  /** Is told of the shards of a part. */
  public interface ShardListener {
    /** Listens to nothing. */
    ShardListener NONE = new ShardListener() {};

    /** A shard is about to be written; called by the thread that fills it, which may wait here. */
    default void beforeWriting(int shard) {}

    /** A shard is on the disk; called by the thread that wrote it. */
    default void written(Manifest.Shard shard) {}
  }

  /** The documents so far; null before the first. */
  private DocumentTable.Writer documents;

  /** Rows of the store that are not in {@link #buffer}. */
  private long handedOver;

  private StoreWriter(
      Path folder, StoreSpec spec, boolean part, int firstShard, ShardListener listener) {
    this.listener = listener;
    this.folder = folder;
    this.spec = spec;
    this.part = part;
    this.firstShard = firstShard;
    this.handedOver = (long) firstShard * spec.rowsPerShard();
    this.layout = new ShardLayout(ShardLayout.allColumns(spec.columns()), spec.rowsPerShard());
    this.buffer = new ShardBuffer(layout);
    this.disk = new DiskThread<>("store-" + folder.getFileName());
    this.manifest = spec.manifest(Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
  }

  /**
   * Starts a store in {@code folder}, which is created if necessary. The store can be opened from
   * now on, with no rows.
   *
   * @throws IOException if the folder is not empty (and the spec does not allow the store in it to
   *     be replaced), holds other things than a store, another writer has it, or it cannot be
   *     written
   * @throws IllegalArgumentException if a shard is larger than the memory there is
   */
  public static StoreWriter create(Path folder, StoreSpec spec) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name a new or empty folder");
    }
    StoreWriter writer = new StoreWriter(folder, spec, false, 0, ShardListener.NONE);
    boolean made = !Files.exists(folder);
    try {
      OutputFolder.make(folder);
      writer.lock = FolderLock.tryTake(folder);
      if (writer.lock == null) {
        throw FolderLock.taken(folder, "capture");
      }
      StoreFolder.clear(folder, spec.replace());
      ManifestFile.write(folder, writer.manifest);
    } catch (IOException | RuntimeException | Error e) {
      if (made && writer.lock != null) {
        writer.lock.giveUp();
        writer.lock = null;
      }
      writer.close();
      throw e;
    }
    return writer;
  }

  /**
   * Continues a store that a writer has left, killed or not. Shards of it that do not stay are
   * replaced, one after the other. Nothing is changed if this fails.
   *
   * @param before the manifest of the store; if it was changed since, another writer has the store
   * @param shards how many of its first shards stay
   * @throws IOException if another writer has it, it was changed, or it cannot be written
   * @throws IllegalArgumentException if a shard is larger than the memory there is, or a shard that
   *     stays is not full and there are rows to come
   */
  public static StoreWriter resume(Path folder, StoreSpec spec, Manifest before, int shards)
      throws IOException {
    FolderLock lock = FolderLock.tryTake(folder);
    if (lock == null) {
      throw FolderLock.taken(folder, "capture");
    }
    StoreWriter writer = null;
    try {
      if (!ManifestFile.read(folder).equals(before)) {
        throw new IOException(folder + ": another capture has changed it; try again");
      }
      AtomicFile.deleteLeftovers(folder);
      writer =
          new StoreWriter(
              folder, spec.withRowsPerShard(before.rowsPerShard()), false, 0, ShardListener.NONE);
      writer.lock = lock;
      writer.keep(before, shards);
      return writer;
    } catch (IOException | RuntimeException | Error e) {
      if (writer == null) {
        lock.close();
      } else {
        writer.close();
      }
      throw e;
    }
  }

  private void keep(Manifest before, int shards) throws IOException {
    List<Manifest.Shard> kept = before.shards().subList(0, shards);
    manifest = spec.manifest(before.created()).withShards(kept, false);
    handedOver = manifest.rows();
    ManifestFile.write(folder, manifest);
  }

  /**
   * Writes some shards of a store that a writer of another process has created, which lists them in
   * its manifest by {@link #finish(List)}. End with {@link #finishPart}; all shards but the store's
   * last must be full.
   *
   * @param firstShard the number of the first
   * @throws IOException if the folder is not there
   * @throws IllegalArgumentException if a shard is larger than the memory there is
   */
  public static StoreWriter part(Path folder, StoreSpec spec, int firstShard) throws IOException {
    if (!Files.exists(ManifestFile.of(folder))) {
      throw new IOException(folder + ": holds no store that was begun; begin it first");
    }
    return part(folder, spec, firstShard, ShardListener.NONE);
  }

  /**
   * Writes some shards into a folder of which nobody keeps a manifest. End with {@link
   * #finishPart}.
   *
   * @param firstShard the number of the first
   * @param listener is told of each shard
   * @throws IllegalArgumentException if a shard is larger than the memory there is
   */
  public static StoreWriter part(
      Path folder, StoreSpec spec, int firstShard, ShardListener listener) {
    return new StoreWriter(folder, spec, true, firstShard, listener);
  }

  /**
   * Writes the texts of the vocabulary's tokens. Call it once, before any row.
   *
   * @throws IOException if they cannot be written
   */
  public void tokens(TokenTable tokens) throws IOException {
    requireOpen();
    sync();
    TableFile file = tokens.write(folder.resolve(Manifest.TOKENS));
    manifest = manifest.withTable(Manifest.TOKENS, file);
    ManifestFile.write(folder, manifest);
  }

  /**
   * Adds a document; the n-th call is for the rows whose document number is n, from 0. {@link
   * #finish} lists them in the manifest.
   *
   * @param name its name
   * @param firstRow the index in the store of its first row, or of the next document's if it has no
   *     rows
   * @throws IOException if it cannot be written
   * @throws IllegalArgumentException if it begins before the document before it
   */
  public void document(String name, long firstRow) throws IOException {
    requireOpen();
    if (documents == null) {
      documents = new DocumentTable.Writer(folder.resolve(Manifest.DOCUMENTS));
    }
    documents.add(name, firstRow);
  }

  /** Rows committed so far, including those of the unfinished shard. */
  public long rows() {
    return handedOver + (buffer == null ? 0 : buffer.filled());
  }

  /**
   * Appends rows, copied once into the shard's Arrow buffers.
   *
   * @param tokenIds vocabulary indices; as many as there are rows
   * @param positions positions within the context
   * @param documentIds document numbers
   * @param dtype what {@code activations} hold: the columns' own dtype, or {@code F32}, which is
   *     rounded to it
   * @param activations {@code [rows, width]} for each column, in the order of the spec
   * @throws IOException if a shard, this or the one before, cannot be written, or an activation is
   *     NaN or infinite; the rows before the one named are in the store
   * @throws IllegalArgumentException if sizes or dtypes do not fit
   */
  public void append(
      int[] tokenIds, int[] positions, int[] documentIds, DType dtype, MemorySegment... activations)
      throws IOException {
    int rows = tokenIds.length;
    requireOpen();
    buffer.checkSizes(rows, positions, documentIds, dtype, activations);
    for (int done = 0; done < rows; ) {
      int count = reserve(rows - done).count();
      buffer.fill(done, tokenIds, positions, documentIds, dtype, activations);
      commit(count);
      done += count;
    }
  }

  /**
   * Offers up to {@code wanted} rows of the shard in memory for a producer to fill in place. Call
   * {@link #commit} after that, and reserve again for the rest.
   */
  public ReservedRows reserve(int wanted) {
    requireOpen();
    return buffer.reserve(wanted, handedOver);
  }

  /**
   * Fills reserved rows of one column. Several threads may do so at a time, for rows of their own.
   *
   * @param column in the order of the spec
   * @param first of the reserved rows
   * @param count rows
   * @param dtype what {@code values} hold: the column's own dtype, or {@code F32}, which is rounded
   *     to it
   * @param values {@code [count, width]}
   * @throws IllegalArgumentException if sizes or dtypes do not fit
   * @throws IndexOutOfBoundsException if these are not among the reserved rows
   */
  public void fill(int column, int first, int count, DType dtype, MemorySegment values) {
    requireOpen();
    buffer.fill(column, first, count, dtype, values);
  }

  /**
   * Adds the first {@code count} reserved rows to the store. If that fills a shard, writing it
   * starts, and the shard before it is on the disk.
   *
   * @throws IOException if an activation is NaN or infinite and the spec rejects that (the rows are
   *     then not taken), or the shard before cannot be written
   * @throws IllegalArgumentException if more rows are committed than were reserved
   */
  public void commit(int count) throws IOException {
    requireOpen();
    buffer.commit(count, spec.nonFinite() == NonFinite.REJECT, handedOver, folder);
    if (buffer.isFull()) {
      handOver();
    }
  }

  /**
   * Waits until every full shard is on the disk.
   *
   * @throws IOException if one could not be written
   */
  public void sync() throws IOException {
    try {
      disk.await();
    } catch (IOException e) {
      throw failed(e);
    } catch (RuntimeException | Error e) {
      // Rows are missing: what follows them must not become a complete store.
      letGo();
      throw e;
    }
  }

  /**
   * Writes the last, partly filled shard and marks the store complete. Call it once, at the end.
   *
   * @return the manifest of the finished store
   * @throws IOException if it cannot be written
   */
  public Manifest finish() throws IOException {
    requireOpen();
    if (part) {
      throw new IllegalStateException(folder + ": this writer writes a part of a store");
    }
    sync();
    Manifest complete;
    try {
      if (buffer.filled() > 0) {
        writeShard(buffer);
      }
      finishDocuments();
      complete = manifest.withShards(manifest.shards(), true);
      ManifestFile.write(folder, complete);
    } catch (IOException e) {
      throw failed(e);
    }
    close();
    return complete;
  }

  /**
   * Ends the writer after the last full shard is on the disk. Without {@link #finish}, rows of the
   * unfinished shard are lost.
   */
  @Override
  public void close() {
    letGo();
    disk.close();
    closeDocuments();
    if (lock != null) {
      try {
        lock.release();
      } catch (IOException e) {
        // All rows are written; a lock file that stays is unlocked and has no effect.
      }
      lock = null;
    }
  }

  /**
   * Marks the store complete, whose shards other writers have written.
   *
   * @param shards all of them, in any order
   * @return the manifest of the finished store
   * @throws IOException if one is missing or has another length, or the manifest cannot be written
   * @throws IllegalStateException if this writer has rows itself
   */
  public Manifest finish(List<Manifest.Shard> shards) throws IOException {
    return finish(
        shards,
        name -> {
          Path file = folder.resolve(name);
          return Files.exists(file) ? Files.size(file) : -1;
        });
  }

  /** The lengths of files that are elsewhere. */
  public interface Lengths {
    /** The length of the file of that name; -1 if there is none. */
    long of(String name) throws IOException;
  }

  /**
   * The same for shards that are elsewhere ({@link #part(Path, StoreSpec, int, ShardListener)}).
   *
   * @param lengths has their lengths there
   * @throws IOException as {@link #finish(List)}
   */
  public Manifest finish(List<Manifest.Shard> shards, Lengths lengths) throws IOException {
    requireOpen();
    if (rows() > 0) {
      throw new IllegalStateException(folder + ": this writer has rows of its own");
    }
    List<Manifest.Shard> ordered =
        shards.stream()
            .sorted(
                Comparator.comparingInt((Manifest.Shard shard) -> shard.file().length())
                    .thenComparing(Manifest.Shard::file))
            .toList();
    for (int i = 0; i < ordered.size(); i++) {
      Manifest.Shard shard = ordered.get(i);
      Path file = folder.resolve(Manifest.shardName(i));
      boolean last = i == ordered.size() - 1;
      if (!shard.file().equals(Manifest.shardName(i))
          || !last && shard.rows() != spec.rowsPerShard()
          || lengths.of(shard.file()) != shard.bytes()) {
        throw new IOException(
            file + ": was not written as this store needs it; capture the store again");
      }
    }
    manifest = manifest.withShards(ordered, false);
    try {
      finishDocuments();
    } catch (IOException e) {
      throw failed(e);
    }
    AtomicFile.deleteLeftovers(folder); // Of writers of parts that were killed.
    return finish();
  }

  /**
   * Writes the last shard of a part, if it has rows.
   *
   * @return the shards of the part, in order
   * @throws IOException if one cannot be written
   * @throws IllegalStateException if this is not the writer of a part
   */
  public List<Manifest.Shard> finishPart() throws IOException {
    requireOpen();
    if (!part) {
      throw new IllegalStateException(folder + ": this writer writes a whole store");
    }
    sync();
    if (buffer.filled() > 0) {
      listener.beforeWriting(firstShard + manifest.shards().size());
      writeShard(buffer);
    }
    close();
    return manifest.shards();
  }

  private void finishDocuments() throws IOException {
    if (documents != null) {
      manifest = manifest.withTable(Manifest.DOCUMENTS, documents.finish());
      closeDocuments();
    }
  }

  private void closeDocuments() {
    if (documents != null) {
      try {
        documents.close();
      } catch (IOException e) {
        // A temporary file that stays belongs to the store and is deleted with it.
      }
      documents = null;
    }
  }

  private void letGo() {
    if (buffer != null) {
      handedOver += buffer.filled();
      buffer = null;
    }
  }

  private void requireOpen() {
    if (buffer == null) {
      throw new IllegalStateException(folder + ": the store writer is closed");
    }
  }

  /** Starts writing the shard, after the one before it is written, and takes other memory. */
  private void handOver() throws IOException {
    sync();
    listener.beforeWriting(firstShard + manifest.shards().size());
    ShardBuffer full = buffer;
    ShardBuffer next = spare == null ? new ShardBuffer(layout) : spare;
    disk.start(
        () -> {
          writeShard(full);
          return null;
        });
    handedOver += full.filled();
    next.clear();
    buffer = next;
    spare = full;
  }

  private void writeShard(ShardBuffer full) throws IOException {
    String name = Manifest.shardName(firstShard + manifest.shards().size());
    ShardLayout actual = new ShardLayout(layout.columns(), full.filled());
    Manifest.Shard shard =
        AtomicFile.write(
            folder.resolve(name), file -> ShardFile.write(file, name, actual, full.columns()));
    List<Manifest.Shard> shards = new ArrayList<>(manifest.shards());
    shards.add(shard);
    Manifest next = manifest.withShards(shards, false);
    try {
      if (!part) {
        ManifestFile.write(folder, next);
      }
    } catch (IOException e) {
      // On a full disk, a shard that no manifest lists only takes space, so it is deleted.
      Files.deleteIfExists(folder.resolve(name));
      throw e;
    }
    manifest = next;
    listener.written(shard);
  }

  private IOException failed(IOException cause) {
    letGo();
    if (part) {
      return new IOException(cause.getMessage(), cause);
    }
    long rows = manifest.shards().stream().mapToLong(Manifest.Shard::rows).sum();
    return new IOException(
        cause.getMessage() + "; the store keeps the " + rows + " rows finished before", cause);
  }
}
