package io.sluice.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufHostileTest {
  private static final int F32 = 0;
  private static final int Q4_0 = 2;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int UINT32 = 4;

  @TempDir Path folder;

  @Tag("slow")
  @Test
  void rejectsTruncationAtEveryLengthOfTheHeader() throws IOException {
    byte[] bytes = Files.readAllBytes(GgufFileTest.GOLDEN);
    for (int length = 0; length < bytes.length; length += length < 1500 ? 1 : 97) {
      assertRejected(Arrays.copyOf(bytes, length), "");
    }
    assertRejected(new byte[0], "is empty");
  }

  @Test
  void rejectsForeignFilesAndVersions() throws IOException {
    assertRejected("GGML".getBytes(StandardCharsets.UTF_8), "does not begin with 'GGUF'");
    assertRejected(header(1, 0, 0, b -> {}), "GGUF version 1; Sluice reads versions 2 and 3");
    assertRejected(header(4, 0, 0, b -> {}), "GGUF version 4");
    assertRejected(header(3 << 24, 0, 0, b -> {}), "big-endian");
  }

  @Test
  void rejectsCountsThatDoNotFit() throws IOException {
    assertRejected(
        header(3, Long.MAX_VALUE, 0, b -> {}), "number of tensors is 9223372036854775807");
    assertRejected(header(3, -1, 0, b -> {}), "number of tensors is 18446744073709551615");
    assertRejected(header(3, 0, 1L << 40, b -> {}), "number of metadata pairs is 1099511627776");
    assertRejected(
        pair("k", ARRAY, b -> b.putInt(STRING).putLong(1L << 60)), "number of elements of 'k' is");
    assertRejected(
        pair("k", ARRAY, b -> b.putInt(0).putLong(Long.MIN_VALUE)), "number of elements of 'k' is");
    assertRejected(
        pair("k", STRING, b -> b.putLong(Long.MAX_VALUE)), "ends within the value of 'k'");
    assertRejected(pair("k", STRING, b -> b.putLong(-1)), "ends within the value of 'k'");
  }

  @Test
  void rejectsMetadataThatIsNotWellFormed() throws IOException {
    assertRejected(header(3, 0, 1, b -> b.putLong(1L << 33).putLong(0)), "length 8589934592");
    assertRejected(pair("k", 13, b -> b.putLong(0)), "has the unknown type 13");
    assertRejected(pair("k", -1, b -> b.putLong(0)), "has the unknown type 4294967295");
    assertRejected(pair("k", ARRAY, b -> b.putInt(99).putLong(0)), "has the unknown type 99");
    assertRejected(
        pair(
            "k",
            ARRAY,
            b -> {
              for (int i = 0; i < 8; i++) {
                b.putInt(ARRAY).putLong(1);
              }
            }),
        "nests arrays deeper");
    assertRejected(
        header(
            3,
            0,
            2,
            b -> text(text(b, "k").putInt(UINT32).putInt(1), "k").putInt(UINT32).putInt(1)),
        "metadata key 'k' twice");
    assertRejected(
        header(3, 0, 1, b -> b.putLong(2).putShort((short) 0xffff).putInt(UINT32).putLong(1)),
        "not UTF-8");
    for (int alignment : new int[] {0, 3, 1 << 30, -1}) {
      assertRejected(
          pair("general.alignment", UINT32, b -> b.putInt(alignment)),
          "which is not a power of two");
    }
    assertRejected(pair("general.alignment", STRING, b -> text(b, "32")), "not a whole number");
  }

  @Test
  void rejectsTensorsThatDoNotFit() throws IOException {
    assertRejected(tensor(F32, 0, 4, 1L << 40), "takes 17592186044416 bytes at offset 0 of 128");
    assertRejected(tensor(F32, 0, 1L << 62, 4), "more bytes than fit");
    assertRejected(tensor(F32, 0, -4), "negative size");
    assertRejected(tensor(F32, 64, 32), "takes 128 bytes at offset 64 of 128");
    assertRejected(
        tensor(F32, 4, 4), "at offset 4, which is not a multiple of the alignment of 32");
    assertRejected(tensor(F32, -32, 4), "at offset 18446744073709551584");
    assertRejected(tensor(F32, Long.MIN_VALUE, 4), "at offset 9223372036854775808");
    assertRejected(tensor(Q4_0, 0, 16), "rows of Q4_0 are multiples of 32");
    assertRejected(tensor(Q4_0, 0), "rows of Q4_0 are multiples of 32");
    assertRejected(tensor(F32, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1), "has 9 dimensions");
    GgufFile.open(write(tensor(F32, 0, 32)));
    GgufFile.open(write(tensor(F32, 128, 0)));
  }

  @Test
  void leavesOutAndNamesTypesThatItDoesNotRead() throws IOException {
    assertUnreadable(10, "Q2_K");
    assertUnreadable(23, "IQ4_XS");
    assertUnreadable(77, "number 77");
    assertUnreadable(-1, "number 4294967295");
  }

  private void assertUnreadable(int type, String name) throws IOException {
    GgufFile file = GgufFile.open(write(tensor(type, 0, 256)));
    assertThat(file.names()).isEmpty();
    assertThat(file.contains("t")).isFalse();
    assertThat(file.has("t")).isTrue();
    assertThat(file.unreadable("t")).isEqualTo(name);
    assertThat(file.unreadable("u")).isNull();
  }

  @Test
  void rejectsTensorsThatShareBytesOrNames() throws IOException {
    Consumer<ByteBuffer> twoAtOnePlace =
        b -> {
          info(text(b, "s"), F32, 0, 8);
          info(text(b, "t"), F32, 0, 8);
        };
    assertRejected(padded(header(3, 2, 0, twoAtOnePlace)), "but the one before it ends at");
    Consumer<ByteBuffer> twoOfOneName =
        b -> {
          info(text(b, "t"), F32, 0, 8);
          info(text(b, "t"), F32, 32, 8);
        };
    assertRejected(padded(header(3, 2, 0, twoOfOneName)), "two tensors named 't'");
  }

  private static byte[] pair(String key, int type, Consumer<ByteBuffer> value) {
    return header(3, 0, 1, b -> value.accept(text(b, key).putInt(type)));
  }

  /** A file with one tensor and 128 bytes of values; sizes are given innermost first. */
  private static byte[] tensor(int type, long offset, long... sizes) {
    return padded(header(3, 1, 0, b -> info(text(b, "t"), type, offset, sizes)));
  }

  private static byte[] padded(byte[] header) {
    return Arrays.copyOf(header, (header.length + 31) / 32 * 32 + 128);
  }

  private static void info(ByteBuffer bytes, int type, long offset, long... sizes) {
    bytes.putInt(sizes.length);
    for (long size : sizes) {
      bytes.putLong(size);
    }
    bytes.putInt(type).putLong(offset);
  }

  private static byte[] header(int version, long tensors, long pairs, Consumer<ByteBuffer> rest) {
    ByteBuffer bytes = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put("GGUF".getBytes(StandardCharsets.UTF_8)).putInt(version);
    bytes.putLong(tensors).putLong(pairs);
    rest.accept(bytes);
    return Arrays.copyOf(bytes.array(), bytes.position());
  }

  private static ByteBuffer text(ByteBuffer bytes, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return bytes.putLong(utf8.length).put(utf8);
  }

  private Path write(byte[] content) throws IOException {
    return Files.write(folder.resolve("hostile.gguf"), content);
  }

  private void assertRejected(byte[] content, String message) throws IOException {
    Path path = write(content);
    assertThatThrownBy(() -> GgufFile.open(path))
        .isInstanceOf(IOException.class)
        .message()
        .contains(path.toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
