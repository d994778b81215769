package io.sluice.store;

import io.sluice.files.RegularFile;
import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.store.files.ShardBlock;
import io.sluice.store.files.ShardBytes;
import io.sluice.store.files.ShardParser;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Opens the files of shards that a manifest lists: each is checked against it and parsed, and
 * mapped if possible. The data itself is not read.
 */
final class ShardFiles {
  private final Path folder;
  private final Manifest manifest;
  private final List<Column> columns;
  private final Reading reading;
  private final OpenFiles files = new OpenFiles();
  private final List<Shard> shards;

  private ShardFiles(
      Path folder, Manifest manifest, List<Column> columns, Reading reading, List<Shard> shards) {
    this.folder = folder;
    this.manifest = manifest;
    this.columns = columns;
    this.reading = reading;
    this.shards = shards;
  }

  /**
   * The shards of a store, in order of their rows. They are read by copying if there are too many
   * to map, or the system maps none.
   *
   * @param columns all that the files may have, token columns first
   * @param wanted by the number of a file, whether it is opened; the others need not be there
   * @return a list of its own: as long as it is reachable, the mappings count
   * @throws IOException if a file is missing, truncated, damaged or does not match the manifest
   */
  static List<Shard> open(
      Path folder, Manifest manifest, List<Column> columns, Reading reading, IntPredicate wanted)
      throws IOException {
    int count = (int) IntStream.range(0, manifest.shards().size()).filter(wanted).count();
    List<Shard> shards = new ArrayList<>();
    if (reading == Reading.MAPPED && MappingBudget.take(count, shards)) {
      try {
        new ShardFiles(folder, manifest, columns, Reading.MAPPED, shards).openAll(wanted);
        return shards;
      } catch (MappingRefused e) {
        // Address space is limited, or the file system maps nothing.
        shards = new ArrayList<>();
      }
    }
    new ShardFiles(folder, manifest, columns, Reading.COPIED, shards).openAll(wanted);
    return shards;
  }

  private void openAll(IntPredicate wanted) throws IOException {
    for (int number = 0; number < manifest.shards().size(); number++) {
      if (wanted.test(number)) {
        openFile(number);
      } else {
        Manifest.Shard entry = manifest.shards().get(number);
        Path path = folder.resolve(entry.file());
        shards.add(new Shard(number, path, nextRow(), entry.rows(), columns));
      }
    }
    requireSameColumns();
  }

  private void requireSameColumns() throws IOException {
    for (Shard shard : shards) {
      for (int i = 0; i < columns.size(); i++) {
        if (shard.has(i) != shards.getFirst().has(i)) {
          throw new IOException(
              "%s: %s a column '%s', unlike %s; write both files with the same columns"
                  .formatted(
                      shard.path(),
                      shard.has(i) ? "has" : "does not have",
                      columns.get(i).name(),
                      shards.getFirst().path().getFileName()));
        }
      }
    }
  }

  private void openFile(int number) throws IOException {
    Manifest.Shard entry = manifest.shards().get(number);
    Path path = folder.resolve(entry.file());
    try (FileChannel channel = RegularFile.open(path)) {
      long size = channel.size();
      if (size != entry.bytes()) {
        throw new IOException(
            path
                + ": is "
                + size
                + " bytes long, the manifest says "
                + entry.bytes()
                + (size < entry.bytes() ? "; it is truncated" : "; it was changed")
                + ": restore it or capture again");
      }
      List<ShardBlock> blocks =
          ShardParser.parse(path, ShardBytes.of(channel, size), columns, entry.rows(), source());
      MemorySegment mapped = null;
      Object identity = null;
      if (reading == Reading.MAPPED) {
        mapped = map(channel, size);
        identity = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
      }
      Shard.Place place = new Shard.Place(number, path, size, identity);
      long firstRow = nextRow();
      for (ShardBlock block : blocks) {
        shards.add(new Shard(place, firstRow, block, columns, mapped, files));
        firstRow += block.rows();
      }
    } catch (NoSuchFileException e) {
      throw new IOException(
          path + ": missing, though the manifest lists it; restore it or capture again", e);
    }
  }

  private long nextRow() {
    return shards.isEmpty() ? 0 : shards.getLast().firstRow() + shards.getLast().rows();
  }

  /** What says which columns the files have, for messages. */
  private String source() {
    return Files.exists(ManifestFile.of(folder))
        ? "the manifest"
        : manifest.shards().getFirst().file();
  }

  private static MemorySegment map(FileChannel channel, long size) throws MappingRefused {
    try {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, size, Arena.ofAuto());
    } catch (IOException | OutOfMemoryError e) {
      throw new MappingRefused(e);
    }
  }

  /** The system opens the file but cannot map it. */
  private static final class MappingRefused extends IOException {
    private static final long serialVersionUID = 1;

    MappingRefused(Throwable cause) {
      super(cause.getMessage(), cause);
    }
  }
}
