package io.sluice.weights;

import io.sluice.files.AtomicFile;
import io.sluice.memory.DType;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a dictionary of tensors as {@code torch.save} does, so that {@code torch.load} reads it.
 */
public final class PyTorchWriter {
  private static final String ROOT = "archive/";
  private static final int PIECE = 1 << 16;

  /** Of each tensor's data, so that a mapped file needs no copy. */
  private static final int ALIGNMENT = 64;

  /** Bytes of an entry's header before its name, and of an extra field's before its data. */
  private static final int ENTRY_HEADER = 30;

  private static final int FIELD_HEADER = 4;

  /** Always the same; the first of January 1980 would stand in an extra field. */
  private static final LocalDateTime TIME = LocalDateTime.of(1980, 2, 1, 0, 0);

  private PyTorchWriter() {}

  /**
   * Writes a file atomically.
   *
   * @param tensors the tensors, in the order of the dictionary
   * @throws IOException if writing fails; a previous file at {@code path} is then unchanged
   */
  public static void write(Path path, List<TensorData> tensors) throws IOException {
    writePieces(path, tensors.stream().map(TensorPieces::of).toList());
  }

  /**
   * As {@link #write}, for tensors that are made while they are written.
   *
   * @param tensors made twice, once for the checksums
   */
  public static void writePieces(Path path, List<TensorPieces> tensors) throws IOException {
    byte[] pickle = pickle(tensors);
    AtomicFile.write(
        path,
        channel -> {
          write(channel, pickle, tensors);
          return null;
        });
  }

  private static void write(FileChannel channel, byte[] pickle, List<TensorPieces> tensors)
      throws IOException {
    // Closing the zip stream would close the channel, which the atomic file still has to flush.
    ZipOutputStream zip = new ZipOutputStream(Channels.newOutputStream(channel));
    zip.setMethod(ZipOutputStream.STORED);
    put(channel, zip, "data.pkl", pickle);
    put(channel, zip, "byteorder", text("little"));
    for (int i = 0; i < tensors.size(); i++) {
      put(channel, zip, "data/" + i, tensors.get(i).values(), tensors.get(i).info().byteSize());
    }
    put(channel, zip, "version", text("3\n"));
    zip.finish();
    zip.flush();
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static void put(FileChannel channel, ZipOutputStream zip, String name, byte[] bytes)
      throws IOException {
    put(channel, zip, name, target -> target.append(MemorySegment.ofArray(bytes)), bytes.length);
  }

  private static void put(
      FileChannel channel, ZipOutputStream zip, String name, TensorPieces.Values values, long size)
      throws IOException {
    CRC32 crc = new CRC32();
    values.writeTo(piece -> forPieces(piece, crc::update));
    ZipEntry entry = new ZipEntry(ROOT + name);
    entry.setTimeLocal(TIME);
    entry.setSize(size);
    entry.setCompressedSize(size);
    entry.setCrc(crc.getValue());
    zip.flush();
    entry.setExtra(padding(channel.position(), ROOT.length() + name.length(), size));
    zip.putNextEntry(entry);
    values.writeTo(piece -> forPieces(piece, zip::write));
    zip.closeEntry();
  }

  /**
   * An extra field of zip, as {@code torch.save} writes it, that makes the data begin at a multiple
   * of {@link #ALIGNMENT}.
   *
   * @param position where the entry's header begins
   */
  private static byte[] padding(long position, int nameLength, long size) {
    // Sizes of 4 GiB and more are in another extra field.
    int large = size < 0xFFFF_FFFFL ? 0 : 20;
    long data = position + ENTRY_HEADER + nameLength + FIELD_HEADER + large;
    int length = (int) Math.floorMod(-data, (long) ALIGNMENT);
    ByteBuffer field = ByteBuffer.allocate(FIELD_HEADER + length).order(ByteOrder.LITTLE_ENDIAN);
    return field.put((byte) 'F').put((byte) 'B').putShort((short) length).array();
  }

  private interface Piece {
    void take(byte[] bytes, int offset, int length) throws IOException;
  }

  private static void forPieces(MemorySegment data, Piece piece) throws IOException {
    byte[] bytes = new byte[(int) Math.min(PIECE, data.byteSize())];
    for (long done = 0; done < data.byteSize(); done += bytes.length) {
      int length = (int) Math.min(bytes.length, data.byteSize() - done);
      MemorySegment.copy(data, done, MemorySegment.ofArray(bytes), 0, length);
      piece.take(bytes, 0, length);
    }
  }

  /** Protocol 2, without a memo: the same few instructions for each tensor. */
  private static byte[] pickle(List<TensorPieces> tensors) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write(new byte[] {(byte) 0x80, 2});
    emptyOrderedDict(out);
    out.write('(');
    for (int i = 0; i < tensors.size(); i++) {
      TensorInfo info = tensors.get(i).info();
      unicode(out, info.name());
      global(out, "torch._utils", "_rebuild_tensor_v2");
      out.write('(');
      out.write('(');
      unicode(out, "storage");
      global(out, "torch", storage(info.dtype()));
      unicode(out, Integer.toString(i));
      unicode(out, "cpu");
      number(out, info.elements());
      out.write('t');
      out.write('Q');
      number(out, 0);
      long[] shape = info.shape();
      long[] strides = new long[shape.length];
      long stride = 1;
      for (int d = shape.length - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= shape[d];
      }
      tuple(out, shape);
      tuple(out, strides);
      out.write(0x89); // requires_grad = False
      emptyOrderedDict(out); // backward hooks
      out.write('t');
      out.write('R');
    }
    out.write('u');
    out.write('.');
    return bytes.toByteArray();
  }

  private static String storage(DType dtype) {
    return switch (dtype) {
      case F32 -> "FloatStorage";
      case F64 -> "DoubleStorage";
      case F16 -> "HalfStorage";
      case BF16 -> "BFloat16Storage";
      case I32 -> "IntStorage";
      case I64 -> "LongStorage";
      case U8 -> "ByteStorage";
      case BOOL -> "BoolStorage";
    };
  }

  private static void emptyOrderedDict(OutputStream out) throws IOException {
    global(out, "collections", "OrderedDict");
    out.write(')');
    out.write('R');
  }

  private static void global(OutputStream out, String module, String name) throws IOException {
    out.write(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private static void unicode(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.write('X');
    out.writeInt(Integer.reverseBytes(bytes.length));
    out.write(bytes);
  }

  private static void tuple(DataOutputStream out, long[] numbers) throws IOException {
    out.write('(');
    for (long number : numbers) {
      number(out, number);
    }
    out.write('t');
  }

  private static void number(DataOutputStream out, long number) throws IOException {
    if (number == (int) number) {
      out.write('J');
      out.writeInt(Integer.reverseBytes((int) number));
    } else {
      out.write(new byte[] {(byte) 0x8a, Long.BYTES});
      out.writeLong(Long.reverseBytes(number));
    }
  }
}
