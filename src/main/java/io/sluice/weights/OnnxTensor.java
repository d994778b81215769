package io.sluice.weights;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * A tensor of an ONNX file.
 *
 * @param info name, element type and shape
 * @param data its bytes, possibly not aligned
 */
record OnnxTensor(TensorInfo info, MemorySegment data) {
  /** Reads a model's tensors; external files are mapped once for all of them. */
  static final class Reader {
    private final Path model;
    private final Map<Path, MemorySegment> external = new HashMap<>();

    Reader(Path model) {
      this.model = model;
    }

    /** The tensor, or null if Sluice does not support its element type. */
    OnnxTensor read(String name, TensorProto tensor) throws IOException {
      DType dtype = dtype(tensor.getDataType());
      if (dtype == null) {
        return null;
      }
      if (tensor.getDimsCount() > TensorInfo.MAX_DIMENSIONS) {
        throw damaged(name, "has " + tensor.getDimsCount() + " dimensions");
      }
      TensorInfo info;
      try {
        info =
            new TensorInfo(
                name, dtype, tensor.getDimsList().stream().mapToLong(Long::longValue).toArray());
      } catch (IllegalArgumentException e) {
        throw damaged(name, e.getMessage());
      }
      MemorySegment data =
          tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL
              ? externalData(name, tensor)
              : tensor.getRawData().isEmpty() ? listed(info, tensor) : view(tensor.getRawData());
      if (data.byteSize() != info.byteSize()) {
        throw damaged(
            name,
            "has "
                + data.byteSize()
                + " bytes, but "
                + dtype.label()
                + " "
                + info.shapeText()
                + " takes "
                + info.byteSize());
      }
      return new OnnxTensor(info, data.asReadOnly());
    }

    private static MemorySegment view(ByteString bytes) {
      return MemorySegment.ofBuffer(bytes.asReadOnlyByteBuffer());
    }

    /** Values that the file stores as a list of numbers instead of raw bytes. */
    private MemorySegment listed(TensorInfo info, TensorProto tensor) throws IOException {
      int count =
          switch (info.dtype()) {
            case F32 -> tensor.getFloatDataCount();
            case F64 -> tensor.getDoubleDataCount();
            case I64 -> tensor.getInt64DataCount();
            case F16, BF16, I32, U8, BOOL -> tensor.getInt32DataCount();
          };
      if (count != info.elements()) {
        throw damaged(
            info.name(),
            "lists " + count + " values, but " + info.shapeText() + " has " + info.elements());
      }
      MemorySegment data = Arena.ofAuto().allocate(Math.max(1, info.byteSize()), Long.BYTES);
      for (int i = 0; i < count; i++) {
        switch (info.dtype()) {
          case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, tensor.getFloatData(i));
          case F64 -> data.setAtIndex(ValueLayout.JAVA_DOUBLE, i, tensor.getDoubleData(i));
          case I64 -> data.setAtIndex(ValueLayout.JAVA_LONG, i, tensor.getInt64Data(i));
          case I32 -> data.setAtIndex(ValueLayout.JAVA_INT, i, tensor.getInt32Data(i));
          case F16, BF16 ->
              data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) tensor.getInt32Data(i));
          case U8, BOOL -> data.setAtIndex(ValueLayout.JAVA_BYTE, i, (byte) tensor.getInt32Data(i));
        }
      }
      return data.asSlice(0, info.byteSize());
    }

    private MemorySegment externalData(String name, TensorProto tensor) throws IOException {
      Map<String, String> where = new HashMap<>();
      for (StringStringEntryProto entry : tensor.getExternalDataList()) {
        where.put(entry.getKey(), entry.getValue());
      }
      MemorySegment file = mapBeside(name, where.getOrDefault("location", ""));
      long offset = number(name, where.getOrDefault("offset", "0"));
      if (offset > file.byteSize()) {
        throw damaged(name, "lies at byte " + offset + " of " + file.byteSize());
      }
      long length =
          where.containsKey("length")
              ? number(name, where.get("length"))
              : file.byteSize() - offset;
      if (length > file.byteSize() - offset) {
        throw damaged(name, "takes " + length + " bytes from " + offset + " of " + file.byteSize());
      }
      return file.asSlice(offset, length);
    }

    /**
     * Maps a file in the model's folder; a model must not cause other files to be read. A link may
     * lead to the folder of the model's target: HuggingFace's cache keeps all files of a model in
     * one folder and links to them from another.
     */
    private MemorySegment mapBeside(String name, String location) throws IOException {
      Path folder = model.toAbsolutePath().normalize().getParent();
      Path file;
      try {
        file = folder.resolve(location).normalize();
      } catch (InvalidPathException e) {
        throw damaged(name, "has an impossible file name");
      }
      if (location.isEmpty() || !file.startsWith(folder) || file.equals(folder)) {
        throw BadFile.because(
            model,
            "keeps tensor " + Quoted.of(name) + " in " + Quoted.of(location),
            "its data must lie in the model's own folder");
      }
      if (!Files.exists(file)) {
        throw BadFile.because(
            model,
            "keeps tensor " + Quoted.of(name) + " in " + Quoted.of(location) + ", which is missing",
            "fetch it");
      }
      Path real = file.toRealPath();
      if (!real.startsWith(folder.toRealPath())
          && !model.toRealPath().getParent().equals(real.getParent())) {
        throw BadFile.because(
            model,
            "keeps tensor " + Quoted.of(name) + " behind the link " + Quoted.of(location),
            "its data must lie in the model's own folder");
      }
      MemorySegment mapped = external.get(file);
      if (mapped == null) {
        mapped = MappedFile.map(file).asReadOnly();
        external.put(file, mapped);
      }
      return mapped;
    }

    private long number(String name, String digits) throws IOException {
      try {
        long number = Long.parseLong(digits);
        if (number >= 0) {
          return number;
        }
      } catch (NumberFormatException e) {
        // Reported below, as a negative number is.
      }
      throw damaged(name, "has the offset or length " + Quoted.of(digits));
    }

    private IOException damaged(String name, String wrong) {
      return BadFile.damaged(model, "tensor " + Quoted.of(name) + " " + wrong);
    }

    private static DType dtype(int onnx) {
      return switch (onnx) {
        case TensorProto.DataType.FLOAT_VALUE -> DType.F32;
        case TensorProto.DataType.DOUBLE_VALUE -> DType.F64;
        case TensorProto.DataType.FLOAT16_VALUE -> DType.F16;
        case TensorProto.DataType.BFLOAT16_VALUE -> DType.BF16;
        case TensorProto.DataType.INT32_VALUE -> DType.I32;
        case TensorProto.DataType.INT64_VALUE -> DType.I64;
        case TensorProto.DataType.UINT8_VALUE -> DType.U8;
        case TensorProto.DataType.BOOL_VALUE -> DType.BOOL;
        default -> null;
      };
    }
  }
}
