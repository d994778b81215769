package io.sluice.weights;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a GGUF file of version 2 or 3, read as untrusted input.
 *
 * @param metadata its key-value pairs
 * @param tensors each tensor with its offset, in the header's order
 * @param unreadable the types of the tensors that Sluice does not read
 */
record GgufHeader(
    GgufMetadata metadata, Map<String, Placed> tensors, Map<String, String> unreadable) {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final String ALIGNMENT = "general.alignment";
  private static final int DEFAULT_ALIGNMENT = 32;

  /** llama.cpp itself allows 64 bytes for a tensor's name and four dimensions. */
  private static final int LONGEST_NAME = 4096;

  private static final int MAX_DIMENSIONS = 8;

  /** Key length, type, and a value of one byte. */
  private static final int LEAST_PAIR = Long.BYTES + Integer.BYTES + 1;

  /** Name length, number of dimensions, type, offset. */
  private static final int LEAST_TENSOR = 2 * Long.BYTES + 2 * Integer.BYTES;

  /**
   * A tensor and where its blocks are.
   *
   * @param info name, element type once read, and shape
   * @param type the storage type of the values
   * @param begin byte offset in the file
   */
  record Placed(TensorInfo info, GgufType type, long begin) {
    long blocks() {
      return info.elements() / type.blockLength();
    }

    long bytes() {
      return blocks() * type.blockBytes();
    }
  }

  static GgufHeader parse(Path path, MemorySegment file) throws IOException {
    GgufCursor cursor = new GgufCursor(path, file, 0);
    if (file.byteSize() < Integer.BYTES || cursor.int32("its magic") != MAGIC) {
      throw BadFile.because(path, "does not begin with 'GGUF'", "it is damaged or not a GGUF file");
    }
    int version = cursor.int32("its version");
    if (version != 2 && version != 3) {
      boolean swapped = Integer.reverseBytes(version) == 3;
      throw BadFile.because(
          path,
          swapped
              ? "is a big-endian GGUF file"
              : "is of GGUF version " + Integer.toUnsignedString(version),
          "Sluice reads versions 2 and 3, little-endian: convert it again with llama.cpp's own tool");
    }
    long tensors = cursor.count(LEAST_TENSOR, "tensors");
    long pairs = cursor.count(LEAST_PAIR, "metadata pairs");
    GgufMetadata metadata = GgufMetadata.parse(path, file, cursor, pairs);
    long alignment = metadata.integer(ALIGNMENT, DEFAULT_ALIGNMENT);
    if (alignment < 1 || alignment > file.byteSize() || Long.bitCount(alignment) != 1) {
      throw BadFile.damaged(
          path, "its alignment is " + alignment + ", which is not a power of two");
    }
    List<Placed> unplaced = new ArrayList<>();
    Map<String, String> unreadable = new LinkedHashMap<>();
    for (long i = 0; i < tensors; i++) {
      Placed tensor = tensor(path, cursor, unreadable);
      if (tensor != null) {
        unplaced.add(tensor);
      }
    }
    long values = (cursor.position() + alignment - 1) & -alignment;
    Map<String, Placed> placed = new LinkedHashMap<>();
    for (Placed tensor : unplaced) {
      Placed there = place(path, tensor, values, alignment, file.byteSize());
      String name = there.info.name();
      if (placed.put(name, there) != null || unreadable.containsKey(name)) {
        throw BadFile.damaged(path, "has two tensors named " + Quoted.of(there.info.name()));
      }
    }
    checkOverlap(path, new ArrayList<>(placed.values()));
    return new GgufHeader(
        metadata, Collections.unmodifiableMap(placed), Collections.unmodifiableMap(unreadable));
  }

  /**
   * A tensor whose offset is still relative to the beginning of the values.
   *
   * @return null if Sluice does not read its type; it is then added to {@code unreadable}
   */
  private static Placed tensor(Path path, GgufCursor cursor, Map<String, String> unreadable)
      throws IOException {
    String name = cursor.string(LONGEST_NAME, "a tensor's name");
    String what = "tensor " + Quoted.of(name);
    int dimensions = cursor.int32(what);
    if (dimensions < 0 || dimensions > MAX_DIMENSIONS) {
      throw BadFile.damaged(
          path, what + " has " + Integer.toUnsignedString(dimensions) + " dimensions");
    }
    long[] shape = new long[dimensions];
    for (int i = dimensions - 1; i >= 0; i--) { // The file has the innermost dimension first.
      shape[i] = cursor.int64(what);
    }
    int id = cursor.int32(what);
    GgufType type = GgufType.ofId(id);
    if (type == null) {
      cursor.int64(what);
      if (unreadable.put(name, GgufType.nameOf(id)) != null) {
        throw BadFile.damaged(path, "has two tensors named " + Quoted.of(name));
      }
      return null;
    }
    TensorInfo info;
    try {
      info = new TensorInfo(name, type.dtype(), shape);
    } catch (IllegalArgumentException e) {
      throw BadFile.damaged(path, what + ": " + e.getMessage());
    }
    if (type.isQuantised()
        && (dimensions == 0 || shape[dimensions - 1] % type.blockLength() != 0)) {
      throw BadFile.damaged(
          path,
          what
              + " has shape "
              + Arrays.toString(shape)
              + ", but rows of "
              + type
              + " are multiples of "
              + type.blockLength());
    }
    return new Placed(info, type, cursor.int64(what));
  }

  private static Placed place(Path path, Placed tensor, long values, long alignment, long fileBytes)
      throws IOException {
    long offset = tensor.begin;
    String what = "tensor " + Quoted.of(tensor.info.name());
    if (offset % alignment != 0) {
      throw BadFile.damaged(
          path,
          what
              + " is at offset "
              + Long.toUnsignedString(offset)
              + ", which is not a multiple of the alignment of "
              + alignment);
    }
    if (offset < 0 || offset > fileBytes - values || tensor.bytes() > fileBytes - values - offset) {
      throw BadFile.damaged(
          path,
          what
              + " takes "
              + tensor.bytes()
              + " bytes at offset "
              + Long.toUnsignedString(offset)
              + " of "
              + Math.max(0, fileBytes - values)
              + " bytes of values");
    }
    return new Placed(tensor.info, tensor.type, values + offset);
  }

  /** Checks that no byte belongs to two tensors, so that never more is read than the file holds. */
  private static void checkOverlap(Path path, List<Placed> tensors) throws IOException {
    tensors.sort(Comparator.comparingLong(Placed::begin).thenComparingLong(Placed::bytes));
    long covered = 0;
    for (Placed tensor : tensors) {
      if (tensor.begin < covered) {
        throw BadFile.damaged(
            path,
            "tensor "
                + Quoted.of(tensor.info.name())
                + " begins at byte "
                + tensor.begin
                + ", but the one before it ends at "
                + covered);
      }
      covered = tensor.begin + tensor.bytes();
    }
  }
}
