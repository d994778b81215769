package io.sluice.weights;

import io.sluice.memory.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/**
 * Named tensors in a weight file of any format.
 *
 * <p>Opening a source checks the whole header, so that every tensor it lists can be read. Data are
 * read-only views of the mapped file. The mapping lasts as long as any view is reachable, so there
 * is nothing to close, and no view outlives its memory. Sources are immutable and may be used by
 * several threads.
 */
public sealed interface TensorSource
    permits NumpyArchive, Safetensors, ShardedTensors, OnnxFile, GgufFile, PyTorchFile {
  /**
   * Opens a weight file by its ending: {@code .safetensors}, {@code .safetensors.index.json},
   * {@code .gguf}, {@code .onnx}, or PyTorch's {@code .bin} and {@code .bin.index.json}.
   *
   * <p>A tensor of an element type that Sluice does not read is left out, see {@link #unreadable}:
   * a model may not need it.
   *
   * @throws IOException if the ending is none of these, or the file is missing or damaged
   */
  static TensorSource open(Path file) throws IOException {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    if (name.endsWith(".safetensors")) {
      return Safetensors.openReadable(file);
    } else if (name.endsWith(".safetensors.index.json") || name.endsWith(".bin.index.json")) {
      return ShardedTensors.open(file);
    } else if (name.endsWith(".onnx")) {
      return OnnxFile.open(file);
    } else if (name.endsWith(".gguf")) {
      return GgufFile.open(file);
    } else if (name.endsWith(".bin")) {
      return PyTorchFile.open(file);
    }
    throw BadFile.because(
        file,
        "is not a weight file that Sluice reads",
        "give a file ending in .safetensors, .safetensors.index.json, .gguf, .onnx or .bin");
  }

  /** The file this source was opened from; for a sharded one, its index. */
  Path path();

  /** All tensors' names, in the file's order. */
  Set<String> names();

  /** Whether a tensor of this name can be read. */
  default boolean contains(String name) {
    return names().contains(name);
  }

  /**
   * The type of a tensor that Sluice cannot read and {@link #names()} therefore leaves out.
   *
   * @return the name of its type; null if there is no such tensor
   */
  default String unreadable(String name) {
    return null;
  }

  /** Whether the file has a tensor of this name, readable or not. */
  default boolean has(String name) {
    return contains(name) || unreadable(name) != null;
  }

  /**
   * Element type and shape of a tensor.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  TensorInfo info(String name);

  /**
   * A tensor's values: row-major, little-endian, without gaps, read-only, aligned to the element
   * size, {@code info(name).byteSize()} bytes. This is a view of the mapped file, a copy made once
   * if the file is not aligned, or new memory if values are quantised.
   *
   * @throws IllegalArgumentException if there is no tensor of this name
   */
  MemorySegment data(String name);

  /**
   * Sizes of a tensor, outermost first.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  default long[] shape(String name) {
    return info(name).shape();
  }

  /**
   * Element type of a tensor.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  default DType dtype(String name) {
    return info(name).dtype();
  }
}
