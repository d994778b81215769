package io.sluice.hub;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * The checksum that names a file's content on the hub and in the cache: SHA-256 of large files, and
 * of small ones git's SHA-1 of {@code "blob " + length + '\0' + content}.
 *
 * @param hex 64 or 40 lower-case hexadecimal digits
 */
record Checksum(String hex) {
  private static final Pattern FORM = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");
  private static final int SHA_1_DIGITS = 40;
  private static final int CHUNK_BYTES = 1 << 20;

  /** Whether a text is one; everything else could also be the name of another file. */
  static boolean is(String text) {
    return FORM.matcher(text).matches();
  }

  /**
   * Whether a file has this content.
   *
   * @throws IOException if it cannot be read
   */
  boolean matches(Path file) throws IOException {
    try (FileChannel channel = RegularFile.open(file)) {
      MessageDigest digest = digest();
      if (hex.length() == SHA_1_DIGITS) {
        digest.update(("blob " + channel.size() + "\0").getBytes(StandardCharsets.US_ASCII));
      }
      ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES);
      while (channel.read(buffer.clear()) >= 0) {
        digest.update(buffer.flip());
      }
      return HexFormat.of().formatHex(digest.digest()).equals(hex);
    }
  }

  private MessageDigest digest() {
    try {
      return MessageDigest.getInstance(hex.length() == SHA_1_DIGITS ? "SHA-1" : "SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has it", e);
    }
  }
}
