package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.memory.HugeMemory;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * Arrays that {@code numpy.savez} or {@code savez_compressed} wrote ({@code .npz}): a zip file with
 * an array of numbers in each entry. Arrays of Python objects are refused, so nothing is ever run.
 * Values are read into native memory, in row-major order and little-endian, whatever their order in
 * the file.
 */
public final class NumpyArchive implements TensorSource {
  private static final String SUFFIX = ".npy";

  /** The unpacked size that every file may have. */
  private static final long ALWAYS = 16L << 20;

  /** The largest ratio of unpacked to packed size above that; weights hardly shrink at all. */
  private static final long MOST = 16;

  private final Path path;
  private final Map<String, TensorInfo> infos;
  private final Map<String, MemorySegment> values;

  private NumpyArchive(
      Path path, Map<String, TensorInfo> infos, Map<String, MemorySegment> values) {
    this.path = path;
    this.infos = infos;
    this.values = values;
  }

  /**
   * Reads a file.
   *
   * @throws IOException if the file is missing, is not such a file, is damaged, holds anything but
   *     arrays of numbers, or unpacks to far more than its size; one line that names it
   */
  public static NumpyArchive open(Path path) throws IOException {
    RegularFile.require(path);
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path + " (arrays that numpy.savez wrote)");
    }
    ZipFile opened;
    try {
      opened = new ZipFile(path.toFile());
    } catch (ZipException e) {
      throw BadFile.because(
          path, "is not a zip file, as numpy.savez writes", "fetch it again, or check its name");
    }
    try (ZipFile zip = opened) {
      return read(path, zip);
    } catch (ZipException e) {
      throw BadFile.damaged(path, "cannot be unpacked");
    } catch (EOFException e) {
      throw BadFile.damaged(path, "ends too early");
    }
  }

  private static NumpyArchive read(Path path, ZipFile zip) throws IOException {
    Map<String, TensorInfo> infos = new LinkedHashMap<>();
    Map<String, MemorySegment> values = new LinkedHashMap<>();
    long packed = Files.size(path);
    long unpacked = Math.max(ALWAYS, MOST * packed);
    for (ZipEntry entry : Collections.list(zip.entries())) {
      String name = entry.getName();
      if (!name.endsWith(SUFFIX)) {
        throw BadFile.because(
            path, "its entry " + Quoted.of(name) + " is no array", "give a file of numpy.savez");
      }
      name = name.substring(0, name.length() - SUFFIX.length());
      // Entries of a zip file may overlap, so each can be valid and their sum far larger than the
      // file.
      packed -= entry.getCompressedSize();
      unpacked -= entry.getSize();
      if (packed < 0 || entry.getCompressedSize() < 0 || entry.getSize() < 0) {
        throw BadFile.damaged(path, "has entries longer than the file itself");
      }
      if (unpacked < 0) {
        throw BadFile.because(
            path,
            "unpacks to more than " + MOST + " times its size",
            "weights do not shrink so; save it again with numpy.savez");
      }
      try (InputStream in = zip.getInputStream(entry)) {
        Summed summed = new Summed(in);
        NumpyHeader header = NumpyHeader.read(summed, path, name);
        long bytes = header.elements() * header.dtype().bytes();
        if (bytes != entry.getSize() - header.bytes()) {
          throw BadFile.damaged(
              path,
              "array %s has %d values of %d bytes each, but takes %d bytes in the file"
                  .formatted(
                      Quoted.of(name),
                      header.elements(),
                      header.dtype().bytes(),
                      entry.getSize() - header.bytes()));
        }
        if (infos.put(name, new TensorInfo(name, header.dtype(), header.shape())) != null) {
          throw BadFile.damaged(path, "has two arrays " + Quoted.of(name));
        }
        MemorySegment read = values(summed, bytes);
        if (summed.value() != entry.getCrc()) {
          throw BadFile.damaged(path, "the checksum of array " + Quoted.of(name) + " is wrong");
        }
        values.put(name, ordered(read, header));
      }
    }
    return new NumpyArchive(path, infos, values);
  }

  private static MemorySegment values(InputStream in, long bytes) throws IOException {
    // Not of the memory that the JVM limits to the size of its heap.
    MemorySegment memory = HugeMemory.allocate(Math.max(1, bytes), Arena.ofAuto());
    byte[] piece = new byte[1 << 16];
    for (long done = 0; done < bytes; ) {
      int read = in.read(piece, 0, (int) Math.min(piece.length, bytes - done));
      if (read < 0) {
        throw new EOFException();
      }
      MemorySegment.copy(MemorySegment.ofArray(piece), 0, memory, done, read);
      done += read;
    }
    return memory.asSlice(0, bytes);
  }

  private static MemorySegment ordered(MemorySegment values, NumpyHeader header) {
    int size = header.dtype().bytes();
    if (header.isBigEndian()) {
      for (long at = 0; at < values.byteSize(); at += size) {
        for (int i = 0; i < size / 2; i++) {
          byte first = values.get(ValueLayout.JAVA_BYTE, at + i);
          long last = at + size - 1 - i;
          values.set(ValueLayout.JAVA_BYTE, at + i, values.get(ValueLayout.JAVA_BYTE, last));
          values.set(ValueLayout.JAVA_BYTE, last, first);
        }
      }
    }
    return RowMajor.of(values, 0, header.shape(), header.strides(), size);
  }

  /** Sums what is read of an entry. */
  private static final class Summed extends InputStream {
    private final InputStream in;
    private final CRC32 sum = new CRC32();

    Summed(InputStream in) {
      this.in = in;
    }

    long value() {
      return sum.getValue();
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int read = in.read(bytes, offset, length);
      if (read > 0) {
        sum.update(bytes, offset, read);
      }
      return read;
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(infos.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      throw new IllegalArgumentException(
          path + " has no array " + Quoted.of(name) + " among its " + infos.size());
    }
    return info;
  }

  @Override
  public MemorySegment data(String name) {
    info(name);
    return values.get(name).asReadOnly();
  }
}
