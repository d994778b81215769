package io.sluice.model.causal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** GGUF files with more metadata than they had. */
public final class GgufPairs {
  private static final int COUNT_AT = 16;
  private static final int PAIRS_AT = 24;
  private static final int ALIGNMENT = 32;

  private GgufPairs() {}

  /** The bytes of a file with one more pair; a value is a number, a truth value, text or a list. */
  public static byte[] with(Path file, String key, Object value) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    ByteArrayOutputStream pairs = new ByteArrayOutputStream();
    pairs.writeBytes(text(key));
    pairs.writeBytes(typed(value));
    // The values begin at a multiple of the alignment: one pair more makes up for the difference.
    byte[] filler = text("general.filler");
    int length = pairs.size() + filler.length + typed("").length;
    pairs.writeBytes(filler);
    pairs.writeBytes(typed("x".repeat(Math.floorMod(-length, ALIGNMENT))));
    ByteBuffer all =
        ByteBuffer.allocate(bytes.length + pairs.size()).order(ByteOrder.LITTLE_ENDIAN);
    all.put(bytes, 0, PAIRS_AT).put(pairs.toByteArray());
    all.put(bytes, PAIRS_AT, bytes.length - PAIRS_AT);
    all.putLong(COUNT_AT, all.getLong(COUNT_AT) + 2);
    return all.array();
  }

  /** The bytes of a file with one more tensor, of one number in float32, at the end. */
  static byte[] withTensor(Path file, String name) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int first = text.indexOf("token_embd.weight") - Long.BYTES;
    // The header grows by a multiple of the alignment.
    ByteBuffer old = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    byte[] filler = text("general.filler");
    int tensor =
        Long.BYTES + name.length() + Integer.BYTES + Long.BYTES + Integer.BYTES + Long.BYTES;
    int length = tensor + filler.length + typed("").length;
    String rest = "x".repeat(Math.floorMod(-length, ALIGNMENT));
    int tail = Math.floorMod(-bytes.length, ALIGNMENT);
    int values = values(bytes, first);
    ByteBuffer all = buffer(bytes.length + length + rest.length() + tail + Float.BYTES);
    all.put(bytes, 0, PAIRS_AT).put(filler).put(typed(rest));
    all.put(bytes, PAIRS_AT, first - PAIRS_AT);
    all.put(text(name)).putInt(1).putLong(1).putInt(0).putLong(bytes.length + tail - values);
    all.put(bytes, first, bytes.length - first).put(new byte[tail]).putFloat(1);
    all.putLong(COUNT_AT - Long.BYTES, old.getLong(COUNT_AT - Long.BYTES) + 1);
    all.putLong(COUNT_AT, old.getLong(COUNT_AT) + 1);
    return all.array();
  }

  /** Where the values begin, after the descriptions of all tensors. */
  private static int values(byte[] bytes, int first) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int at = first;
    for (long i = buffer.getLong(COUNT_AT - Long.BYTES); i > 0; i--) {
      at += Long.BYTES + (int) buffer.getLong(at);
      at += Integer.BYTES + buffer.getInt(at) * Long.BYTES + Integer.BYTES + Long.BYTES;
    }
    return at + Math.floorMod(-at, ALIGNMENT);
  }

  private static byte[] text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return buffer(Long.BYTES + bytes.length).putLong(bytes.length).put(bytes).array();
  }

  private static byte[] typed(Object value) {
    byte[] plain = plain(value);
    return buffer(Integer.BYTES + plain.length).putInt(type(value)).put(plain).array();
  }

  private static int type(Object value) {
    return switch (value) {
      case Integer i -> 4;
      case Float f -> 6;
      case Boolean b -> 7;
      case String s -> 8;
      case List<?> list -> 9;
      default -> throw new IllegalArgumentException(value.toString());
    };
  }

  private static byte[] plain(Object value) {
    return switch (value) {
      case Integer i -> buffer(Integer.BYTES).putInt(i).array();
      case Float f -> buffer(Float.BYTES).putFloat(f).array();
      case Boolean b -> new byte[] {(byte) (b ? 1 : 0)};
      case String s -> text(s);
      case List<?> list -> {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(buffer(12).putInt(type(list.getFirst())).putLong(list.size()).array());
        list.forEach(each -> all.writeBytes(plain(each)));
        yield all.toByteArray();
      }
      default -> throw new IllegalArgumentException(value.toString());
    };
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
