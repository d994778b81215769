package io.sluice.spark.storage;

import io.sluice.files.AtomicFile;
import io.sluice.files.FolderLock;
import io.sluice.files.OutputFolder;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * Writing a store on a file system of Hadoop: tasks put shards there under their final names, and
 * at the end the driver puts the texts and then the manifest, without which nothing there counts.
 * Each file is written on this disk first, in a folder of its own beside the cache.
 */
public final class RemoteCapture {
  private static final String SCRATCH = "writing";

  /** The file without which there is no store, by its present and its earlier name. */
  private static final List<String> MANIFESTS =
      List.of(Manifest.FILE_NAME, Manifest.VISIBLE_FILE_NAME);

  private final RemoteFolder folder;
  private final FileCache cache;

  /** Writes to {@code folder}, by way of a folder in that of {@code cache}. */
  public RemoteCapture(RemoteFolder folder, FileCache cache) {
    this.folder = folder;
    this.cache = cache;
  }

  /**
   * Refuses a place that holds what may not be replaced.
   *
   * @param replaced whether a store may be
   * @throws IOException if there are other things than a store, or one is there and may not
   */
  public static void check(RemoteFolder folder, boolean replaced) throws IOException {
    Map<String, Long> found = folder.list();
    if (found.isEmpty()) {
      return;
    }
    for (Map.Entry<String, Long> each : found.entrySet()) {
      if (each.getValue() < 0 || !RemoteFolder.belongsToStore(each.getKey())) {
        throw new IOException(
            folder.address()
                + ": holds "
                + each.getKey()
                + ", which is no part of an activation store; give an address where there is"
                + " nothing");
      }
    }
    if (!replaced) {
      boolean whole = MANIFESTS.stream().anyMatch(found::containsKey);
      throw new IOException(
          folder.address()
              + (whole
                  ? ": already holds an activation store"
                  : ": holds shards of a capture that did not end")
              + "; give another address or --overwrite");
    }
  }

  /** Deletes the store that is there, its manifest first. */
  public void clear() throws IOException {
    check(folder, true);
    Map<String, Long> found = folder.list();
    for (String name : MANIFESTS) {
      if (found.containsKey(name)) {
        folder.delete(name);
      }
    }
    for (String name : found.keySet()) {
      if (!MANIFESTS.contains(name)) {
        folder.delete(name);
      }
    }
  }

  /** Work in a folder of this disk. */
  public interface Work<T> {
    T run(Path scratch) throws IOException;
  }

  /**
   * Does work in a new folder on this disk, which is deleted at the end. Folders that killed
   * processes left are deleted before.
   *
   * @throws IOException if the folder cannot be made, or the work fails
   */
  public <T> T within(Work<T> work) throws IOException {
    Path all = cache.folder().resolve(SCRATCH);
    Path own = all.resolve(UUID.randomUUID().toString());
    OutputFolder.make(all);
    // The folder is locked before another process can take it for a leftover.
    FolderLock lock =
        cache.alone(
            () -> {
              deleteLeftovers(all);
              OutputFolder.make(own);
              return FolderLock.take(own, "capture");
            });
    try (lock) {
      return work.run(own);
    } finally {
      OutputFolder.deleteTree(own);
    }
  }

  private static void deleteLeftovers(Path all) throws IOException {
    try (Stream<Path> found = Files.list(all)) {
      for (Path each : (Iterable<Path>) found.filter(Files::isDirectory)::iterator) {
        try (FolderLock lock = FolderLock.tryTake(each)) {
          if (lock != null) {
            OutputFolder.deleteTree(each);
          }
        }
      }
    }
  }

  /**
   * Puts each shard that is written in a folder in its place, and deletes it here.
   *
   * @param scratch the folder
   * @return throws {@link UncheckedIOException} if that fails, which ends the writer
   */
  public StoreWriter.ShardListener uploading(Path scratch) {
    return new StoreWriter.ShardListener() {
      @Override
      public void written(Manifest.Shard shard) {
        Path file = scratch.resolve(shard.file());
        try {
          folder.put(file, shard.file());
          Files.delete(file);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  /** The lengths of the shards that are there, as one list has them. */
  public StoreWriter.Lengths lengths() throws IOException {
    Map<String, Long> found = folder.list();
    return name -> found.getOrDefault(name, -1L);
  }

  /**
   * Puts the texts and then the manifest of a finished store, which makes it one, and deletes what
   * killed tasks left.
   *
   * @param scratch the folder where the store was written without its shards
   */
  public void commit(Path scratch) throws IOException {
    for (String table : Manifest.TABLES) {
      if (Files.exists(scratch.resolve(table))) {
        folder.put(scratch.resolve(table), table);
      }
    }
    for (String name : folder.list().keySet()) {
      if (AtomicFile.isLeftover(Path.of(name)) && RemoteFolder.belongsToStore(name)) {
        folder.delete(name);
      }
    }
    folder.put(scratch.resolve(Manifest.FILE_NAME), Manifest.FILE_NAME);
  }
}
