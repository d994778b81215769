package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * A dictionary of tensors that {@code torch.save} wrote: a zip file with a pickle that describes
 * the tensors and one entry of raw values per storage. The pickle is read, never run; it may hold
 * nothing but tensors. Values are views of the mapped file, as {@code torch.save} writes them; from
 * a zip file that is written in another way they are read into native memory. {@link #data} of a
 * tensor that was saved transposed is a copy in row-major order.
 */
public final class PyTorchFile implements TensorSource {
  private static final String PICKLE = "/data.pkl";

  /** A tensor takes about 200 bytes, and each byte may become 60 in memory. */
  private static final long LONGEST_PICKLE = 4L << 20;

  private final Path path;
  private final Map<String, TensorInfo> infos;
  private final Map<String, PickledTensors.View> views;
  private final Map<PickledTensors.Storage, MemorySegment> storages;
  private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();
  private final Map<String, String> settings;

  private PyTorchFile(
      Path path,
      Map<String, TensorInfo> infos,
      Map<String, PickledTensors.View> views,
      Map<PickledTensors.Storage, MemorySegment> storages,
      Map<String, String> settings) {
    this.path = path;
    this.infos = infos;
    this.views = views;
    this.storages = storages;
    this.settings = settings;
  }

  /**
   * Reads a file.
   *
   * @throws IOException if the file is missing, is not a PyTorch file, is damaged, or its pickle
   *     uses anything but tensors; the message names the file and what is wrong with it
   */
  public static PyTorchFile open(Path path) throws IOException {
    return open(path, false);
  }

  /**
   * As {@link #open}, but texts, numbers and truth values may stand beside the tensors, see {@link
   * #settings}.
   *
   * @throws IOException as {@link #open}
   */
  public static PyTorchFile openWithSettings(Path path) throws IOException {
    return open(path, true);
  }

  private static PyTorchFile open(Path path, boolean withSettings) throws IOException {
    RegularFile.require(path);
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path + " (a file that torch.save wrote)");
    }
    try (ZipFile zip = new ZipFile(path.toFile())) {
      return read(path, zip, withSettings);
    } catch (ZipException e) {
      throw BadFile.because(
          path,
          "is not a zip file, as PyTorch writes since version 1.6",
          "load it in PyTorch and save it again with torch.save, or fetch it again");
    } catch (EOFException e) {
      throw BadFile.damaged(path, "ends too early");
    }
  }

  private static PyTorchFile read(Path path, ZipFile zip, boolean withSettings) throws IOException {
    List<? extends ZipEntry> entries = Collections.list(zip.entries());
    List<? extends ZipEntry> pickles =
        entries.stream().filter(entry -> entry.getName().endsWith(PICKLE)).toList();
    if (pickles.size() != 1) {
      throw BadFile.because(
          path,
          "is a zip file with " + pickles.size() + " entries named data.pkl, not one",
          "give a file that torch.save wrote");
    }
    String root = pickles.getFirst().getName();
    root = root.substring(0, root.length() - PICKLE.length());
    requireLittleEndian(path, zip, root);
    byte[] pickle = bytes(path, zip, pickles.getFirst(), LONGEST_PICKLE);
    Map<PickledTensors.Storage, MemorySegment> storages = new HashMap<>();
    Map<String, TensorInfo> infos = new LinkedHashMap<>();
    TensorPickle.Contents contents = TensorPickle.read(path, pickle, withSettings);
    Map<String, PickledTensors.View> views = contents.tensors();
    MemorySegment file = MappedFile.map(path).asReadOnly();
    Map<String, Long> places = ZipPlaces.of(file);
    long left = file.byteSize();
    for (Map.Entry<String, PickledTensors.View> tensor : views.entrySet()) {
      PickledTensors.Storage storage = tensor.getValue().storage();
      if (!storages.containsKey(storage)) {
        left -= requireEntry(path, zip, root, storage);
        if (left < 0) {
          throw BadFile.damaged(path, "has entries longer than the file itself");
        }
        storages.put(storage, storage(zip, entry(zip, root, storage), file, places));
      }
      infos.put(
          tensor.getKey(),
          new TensorInfo(tensor.getKey(), storage.dtype(), tensor.getValue().shape()));
    }
    return new PyTorchFile(path, infos, views, storages, contents.settings());
  }

  private static void requireLittleEndian(Path path, ZipFile zip, String root) throws IOException {
    ZipEntry order = zip.getEntry(root + "/byteorder");
    if (order != null
        && !new String(bytes(path, zip, order, 16), StandardCharsets.US_ASCII).equals("little")) {
      throw BadFile.because(
          path, "was written on a big-endian machine", "save it again on a little-endian one");
    }
  }

  /**
   * Checks that a storage is in the file, and returns its size. Entries of a zip file may overlap,
   * so each can be valid and their sum far larger than the file: the caller adds the sizes.
   */
  private static long requireEntry(
      Path path, ZipFile zip, String root, PickledTensors.Storage storage) throws IOException {
    ZipEntry entry = entry(zip, root, storage);
    if (entry == null) {
      throw BadFile.damaged(path, "its values " + Quoted.of(storage.key()) + " are missing");
    }
    // This order cannot overflow.
    long size = storage.dtype().bytes();
    if (entry.getSize() % size != 0 || entry.getSize() / size != storage.elements()) {
      throw BadFile.damaged(
          path,
          "values %s are %d of %d bytes each, but take %d bytes in the file"
              .formatted(Quoted.of(storage.key()), storage.elements(), size, entry.getSize()));
    }
    requireStored(path, entry);
    return entry.getSize();
  }

  private static ZipEntry entry(ZipFile zip, String root, PickledTensors.Storage storage) {
    return zip.getEntry(root + "/data/" + storage.key());
  }

  private static MemorySegment storage(
      ZipFile zip, ZipEntry entry, MemorySegment file, Map<String, Long> places)
      throws IOException {
    long bytes = entry.getSize();
    Long place = places.get(entry.getName());
    if (place != null && bytes <= file.byteSize() - place) {
      return file.asSlice(place, bytes);
    }
    // Not of the memory that the JVM limits to the size of its heap.
    MemorySegment memory = HugeMemory.allocate(Math.max(1, bytes), Arena.ofAuto());
    byte[] piece = new byte[1 << 16];
    try (InputStream in = zip.getInputStream(entry)) {
      for (long done = 0; done < bytes; ) {
        int read = in.read(piece, 0, (int) Math.min(piece.length, bytes - done));
        if (read < 0) {
          throw new EOFException();
        }
        MemorySegment.copy(MemorySegment.ofArray(piece), 0, memory, done, read);
        done += read;
      }
    }
    return memory.asSlice(0, bytes);
  }

  private static byte[] bytes(Path path, ZipFile zip, ZipEntry entry, long limit)
      throws IOException {
    if (entry.getSize() > limit) {
      throw BadFile.because(
          path,
          "its " + Quoted.of(entry.getName()) + " has " + entry.getSize() + " bytes",
          "only dictionaries of tensors are read");
    }
    requireStored(path, entry);
    try (InputStream in = zip.getInputStream(entry)) {
      return in.readNBytes((int) limit);
    }
  }

  /** PyTorch stores values uncompressed; a compressed entry could unpack to any size. */
  private static void requireStored(Path path, ZipEntry entry) throws IOException {
    if (entry.getMethod() != ZipEntry.STORED || entry.getCompressedSize() != entry.getSize()) {
      throw BadFile.because(
          path,
          "its entry " + Quoted.of(entry.getName()) + " is compressed, which PyTorch never does",
          "give a file that torch.save wrote");
    }
  }

  /**
   * What the file has beside tensors, as texts; those of a dictionary inside by its name and their
   * own with a point between them. Empty unless {@link #openWithSettings} opened it.
   */
  public Map<String, String> settings() {
    return Collections.unmodifiableMap(settings);
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
          path + " has no tensor " + Quoted.of(name) + " among its " + infos.size());
    }
    return info;
  }

  @Override
  public MemorySegment data(String name) {
    info(name);
    PickledTensors.View view = views.get(name);
    DType dtype = view.storage().dtype();
    MemorySegment data =
        RowMajor.of(
                storages.get(view.storage()),
                view.offset(),
                view.shape(),
                view.strides(),
                dtype.bytes())
            .asReadOnly();
    return data.address() % dtype.bytes() == 0
        ? data
        : copies.computeIfAbsent(name, key -> MappedFile.aligned(data, dtype));
  }
}
