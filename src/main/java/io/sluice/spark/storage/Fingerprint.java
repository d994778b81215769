package io.sluice.spark.storage;

import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * The checksum that a file has if it is whole.
 *
 * @param kind of checksum
 * @param digits its value, in hexadecimal digits
 */
public record Fingerprint(Kind kind, String digits) implements Serializable {
  private static final int CHUNK_BYTES = 1 << 18;

  /** Kinds of checksums. */
  public enum Kind {
    /** CRC-32C, which manifests have of shards. */
    CRC32C,
    /** SHA-256, which manifests have of texts. */
    SHA256
  }

  /** A sum over bytes that come one after the other. */
  interface Sum {
    void add(byte[] bytes, int count);

    /** In hexadecimal digits; call it once, at the end. */
    String digits();
  }

  /** That of a shard. */
  public static Fingerprint crc32c(int value) {
    return new Fingerprint(Kind.CRC32C, HexFormat.of().toHexDigits(value));
  }

  /** That of a file of texts. */
  public static Fingerprint of(TableFile table) {
    return new Fingerprint(Kind.SHA256, table.sha256());
  }

  /** The SHA-256 of bytes. */
  public static Fingerprint sha256(byte[] bytes) {
    Sum sum = begin(Kind.SHA256);
    sum.add(bytes, bytes.length);
    return new Fingerprint(Kind.SHA256, sum.digits());
  }

  /** Whether a file of this disk has it. */
  boolean matches(Path file) throws IOException {
    Sum sum = begin();
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = Files.newInputStream(file)) {
      for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
        sum.add(chunk, count);
      }
    }
    return sum.digits().equals(digits);
  }

  /** A sum of this kind, over nothing yet. */
  Sum begin() {
    return begin(kind);
  }

  private static Sum begin(Kind kind) {
    return switch (kind) {
      case CRC32C ->
          new Sum() {
            private final CRC32C sum = new CRC32C();

            @Override
            public void add(byte[] bytes, int count) {
              sum.update(bytes, 0, count);
            }

            @Override
            public String digits() {
              return HexFormat.of().toHexDigits((int) sum.getValue());
            }
          };
      case SHA256 ->
          new Sum() {
            private final MessageDigest sum = messageDigest();

            @Override
            public void add(byte[] bytes, int count) {
              sum.update(bytes, 0, count);
            }

            @Override
            public String digits() {
              return HexFormat.of().formatHex(sum.digest());
            }
          };
    };
  }

  private static MessageDigest messageDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
