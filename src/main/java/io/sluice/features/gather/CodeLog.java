package io.sluice.features.gather;

import io.sluice.engine.arithmetic.Codes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The codes of a pass, kept until all tokens are encoded and then read by feature. Each code takes
 * 12 bytes: feature, row, activation. Codes of neighbouring features go into one group, in chunks;
 * chunks are in memory up to a limit, and beyond that in a temporary file, which is deleted when
 * this is closed. So memory depends neither on the number of tokens nor on that of features, but
 * for a count of each feature.
 */
final class CodeLog implements AutoCloseable {
  private static final int MOST_GROUPS = 1024;
  private static final int CHUNK_CODES = 1024;
  private static final int INTS = 3;
  private static final int CHUNK_INTS = CHUNK_CODES * INTS;
  private static final int CHUNK_BYTES = CHUNK_INTS * Integer.BYTES;

  private final Path file;
  private final long mostChunks;
  private final int shift;
  private final Group[] groups;
  private final int[] counts;
  private final ByteBuffer bytes =
      ByteBuffer.allocateDirect(CHUNK_BYTES).order(ByteOrder.nativeOrder());
  private FileChannel spilled;
  private long chunksInMemory;
  private long chunksInFile;

  /**
   * Codes of neighbouring features: full chunks in memory, then those in the file, then one more.
   */
  private static final class Group {
    final List<int[]> inMemory = new ArrayList<>(0);
    int[] inFile = new int[0];
    int filesChunks;
    int[] open;
    int ints;
  }

  /**
   * An empty log.
   *
   * @param file the temporary file, which need not be made
   * @param memoryBytes how much of the chunks stays in memory
   */
  CodeLog(Path file, int features, long memoryBytes) {
    this.file = file;
    this.mostChunks = memoryBytes / CHUNK_BYTES;
    int bits = 0;
    while ((features - 1L) >> bits >= MOST_GROUPS) {
      bits++;
    }
    this.shift = bits;
    this.groups = new Group[((features - 1) >> bits) + 1];
    Arrays.setAll(groups, i -> new Group());
    this.counts = new int[features];
  }

  /** Adds the codes of a batch, whose tokens are at these rows of the store, ascending. */
  void add(Codes codes, int[] rows) throws IOException {
    int entry = 0;
    for (int token = 0; token < codes.rows(); token++) {
      int row = rows[token];
      for (int end = codes.offset(token + 1); entry < end; entry++) {
        int feature = codes.feature(entry);
        counts[feature]++;
        Group group = groups[feature >> shift];
        if (group.open == null) {
          group.open = new int[CHUNK_INTS];
        }
        int at = group.ints;
        group.open[at] = feature;
        group.open[at + 1] = row;
        group.open[at + 2] = Float.floatToRawIntBits(codes.value(entry));
        group.ints = at + INTS;
        if (group.ints == CHUNK_INTS) {
          keep(group);
        }
      }
    }
  }

  /** Codes of a feature. */
  long count(int feature) {
    return Integer.toUnsignedLong(counts[feature]);
  }

  /**
   * The end of the features from {@code from} on that together have at most {@code most} codes; at
   * least one feature.
   */
  int end(int from, long most) {
    long codes = count(from);
    int to = from + 1;
    while (to < counts.length && codes + count(to) <= most) {
      codes += count(to++);
    }
    return to;
  }

  /**
   * The codes of some features, each feature's by row.
   *
   * @throws IOException if the temporary file cannot be read
   */
  FeatureCodes read(int from, int to) throws IOException {
    FeatureCodes codes = new FeatureCodes(from, Arrays.copyOfRange(counts, from, to));
    int[] chunk = new int[CHUNK_INTS];
    for (int g = from >> shift; g <= (to - 1) >> shift; g++) {
      Group group = groups[g];
      for (int[] each : group.inMemory) {
        codes.add(each, CHUNK_INTS);
      }
      for (int i = 0; i < group.filesChunks; i++) {
        readChunk(group.inFile[i], chunk);
        codes.add(chunk, CHUNK_INTS);
      }
      if (group.open != null) {
        codes.add(group.open, group.ints);
      }
    }
    return codes;
  }

  /** Bytes of codes that are in the temporary file. */
  long bytesInFile() {
    return chunksInFile * CHUNK_BYTES;
  }

  private void keep(Group group) throws IOException {
    if (chunksInMemory < mostChunks && group.filesChunks == 0) {
      chunksInMemory++;
      group.inMemory.add(group.open);
      group.open = new int[CHUNK_INTS];
    } else {
      if (group.filesChunks == group.inFile.length) {
        group.inFile = Arrays.copyOf(group.inFile, Math.max(4, 2 * group.filesChunks));
      }
      group.inFile[group.filesChunks++] = Math.toIntExact(chunksInFile);
      writeChunk(group.open);
    }
    group.ints = 0;
  }

  private void writeChunk(int[] chunk) throws IOException {
    if (spilled == null) {
      spilled =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
    }
    bytes.clear();
    bytes.asIntBuffer().put(chunk);
    long at = chunksInFile++ * CHUNK_BYTES;
    try {
      while (bytes.hasRemaining()) {
        at += spilled.write(bytes, at);
      }
    } catch (IOException e) {
      throw new IOException(
          "%s: the codes of the tokens so far, %d MiB, cannot be written (%s); make room or choose another folder"
              .formatted(file.getParent(), at >> 20, e.getMessage()),
          e);
    }
  }

  private void readChunk(int number, int[] chunk) throws IOException {
    bytes.clear();
    long at = (long) number * CHUNK_BYTES;
    while (bytes.hasRemaining()) {
      int read = spilled.read(bytes, at);
      if (read < 0) {
        throw new IOException(file + ": was cut short while it was in use; run again");
      }
      at += read;
    }
    bytes.flip().asIntBuffer().get(chunk);
  }

  /** Deletes the temporary file. */
  @Override
  public void close() throws IOException {
    if (spilled != null) {
      spilled.close();
    }
  }
}
