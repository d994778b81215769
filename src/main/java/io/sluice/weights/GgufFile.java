package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.blocks.BlockFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A GGUF file, the format of llama.cpp, memory-mapped: metadata, which hold the architecture and
 * the tokenizer, and tensors, most of them quantised.
 *
 * <p>Opening validates all of the header: every count, length, type, shape and offset, and that no
 * two tensors overlap. Quantised tensors are read as float32. They are not cached in that form:
 * {@link #dequantise} writes into the caller's memory, and {@link #data} into new memory at each
 * call.
 */
public final class GgufFile implements TensorSource {
  /** Values per task: a few MiB of output, which balances the load of threads. */
  private static final int TASK_VALUES = 1 << 18;

  private final Path path;
  private final MemorySegment file;
  private final GgufHeader header;
  private final Map<String, MemorySegment> copies = new ConcurrentHashMap<>();

  private GgufFile(Path path, MemorySegment file, GgufHeader header) {
    this.path = path;
    this.file = file;
    this.header = header;
  }

  /**
   * Maps and validates a file.
   *
   * <p>Tensors of a quantisation type that Sluice does not read are left out, see {@link
   * #unreadable}.
   *
   * @throws IOException if the file is missing, or is not a valid GGUF file of version 2 or 3
   */
  public static GgufFile open(Path path) throws IOException {
    MemorySegment file = MappedFile.map(path).asReadOnly();
    return new GgufFile(path, file, GgufHeader.parse(path, file));
  }

  /** The file's key-value pairs. */
  public GgufMetadata metadata() {
    return header.metadata();
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Set<String> names() {
    return header.tensors().keySet();
  }

  @Override
  public String unreadable(String name) {
    return header.unreadable().get(name);
  }

  /** Name, shape and element type; that of a quantised tensor is float32. */
  @Override
  public TensorInfo info(String name) {
    return placed(name).info();
  }

  /**
   * The storage type of a tensor's values.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public GgufType type(String name) {
    return placed(name).type();
  }

  /**
   * A tensor's values, as in {@link TensorSource#data}. If they are quantised, this is new memory
   * at each call, which belongs to the caller and lasts as long as it is reachable.
   */
  @Override
  public MemorySegment data(String name) {
    GgufHeader.Placed tensor = placed(name);
    if (tensor.type().isQuantised()) {
      MemorySegment values =
          HugeMemory.allocate(Math.max(1, tensor.info().byteSize()), Arena.ofAuto());
      MemorySegment exact = values.asSlice(0, tensor.info().byteSize());
      dequantise(name, exact);
      return exact.asReadOnly();
    }
    MemorySegment slice = file.asSlice(tensor.begin(), tensor.bytes());
    if (slice.address() % tensor.info().dtype().bytes() == 0) {
      return slice;
    }
    return copies.computeIfAbsent(name, n -> MappedFile.aligned(slice, tensor.info().dtype()));
  }

  /**
   * Dequantises a tensor into {@code out}, on all cores.
   *
   * @param out exactly {@code info(name).byteSize()} bytes, written as row-major float32
   * @throws IllegalArgumentException if there is no tensor of this name, it is not quantised, or
   *     {@code out} has another size
   */
  public void dequantise(String name, MemorySegment out) {
    GgufHeader.Placed tensor = placed(name);
    BlockFormat format = tensor.type().format();
    if (format == null) {
      throw new IllegalArgumentException(
          "tensor " + Quoted.of(name) + " is " + tensor.type() + ", not quantised");
    }
    if (out.byteSize() != tensor.info().byteSize()) {
      throw new IllegalArgumentException(
          "tensor "
              + tensor.info()
              + " takes "
              + tensor.info().byteSize()
              + " bytes, but "
              + out.byteSize()
              + " were given");
    }
    MemorySegment blocks = file.asSlice(tensor.begin(), tensor.bytes());
    long perTask = TASK_VALUES / format.length();
    long count = tensor.blocks();
    Workers.allCores()
        .run(
            Math.toIntExact((count + perTask - 1) / perTask),
            task -> {
              long first = task * perTask;
              format.dequantise(
                  blocks,
                  first * format.bytes(),
                  Math.min(perTask, count - first),
                  out,
                  first * format.length() * Float.BYTES);
            });
  }

  private GgufHeader.Placed placed(String name) {
    GgufHeader.Placed placed = header.tensors().get(name);
    if (placed == null) {
      throw new IllegalArgumentException(
          path + " has no tensor " + Quoted.of(name) + " among its " + names().size());
    }
    return placed;
  }
}
