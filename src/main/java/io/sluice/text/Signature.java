package io.sluice.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * The first bytes of a type of file that is not text.
 *
 * @param offset their offset
 * @param bytes their values
 * @param name the name of the type
 * @param remedy what to do with such a file
 */
record Signature(int offset, byte[] bytes, String name, String remedy) {
  private static final String UNPACK = "unpack it and give the texts in it";
  private static final String REPACK = "unpack it, or compress it with gzip or Zstandard";
  private static final String EXPORT = "write its texts as Parquet or JSON lines";
  private static final String EXTRACT = "extract its text";
  private static final String OTHER = "give a text: plain, JSON lines or Parquet";

  /** This many bytes do not match by chance. */
  private static final int SURE = 6;

  private static final List<Signature> ALL =
      List.of(
          at(0, "FEA1", "a Feather file", EXPORT),
          at(0, "PARE", "an encrypted Parquet file", "write it again without encryption"),
          at(0, "Obj\u0001", "an Avro file", EXPORT),
          at(0, "ORC", "an ORC file", EXPORT),
          at(0, "\u0089HDF\r\n\u001a\n", "an HDF5 file", EXPORT),
          at(0, "SQLite format 3\0", "an SQLite database", EXPORT),
          at(0, "PK\u0003\u0004", "a zip archive (.zip, .docx, .npz, a PyTorch file)", UNPACK),
          at(0, "PK\u0005\u0006", "an empty zip archive", UNPACK),
          at(0, "PK\u0007\b", "a zip archive", UNPACK),
          at(0, "7z\u00bc\u00af'\u001c", "a 7z archive", UNPACK),
          at(0, "Rar!\u001a\u0007", "a RAR archive", UNPACK),
          at(257, "ustar", "a tar archive", UNPACK),
          at(0, "!<arch>\n", "an ar archive", UNPACK),
          at(0, "MSCF\0\0\0\0", "a cabinet archive", UNPACK),
          at(0, "\u00fd7zXZ\0", "compressed with xz", REPACK),
          at(4, "1AY&SY", "compressed with bzip2", REPACK),
          at(0, "\u0004\"M\u0018", "compressed with LZ4", REPACK),
          at(0, "\u0002!L\u0018", "compressed with LZ4", REPACK),
          at(0, "LZIP\u0001", "compressed with lzip", REPACK),
          at(0, "\u001f\u009d", "compressed with compress", REPACK),
          at(0, "\u00ff\u0006\0\0sNaPpY", "compressed with Snappy", REPACK),
          at(0, "\u0089PNG\r\n\u001a\n", "a PNG image", OTHER),
          at(0, "\u00ff\u00d8\u00ff", "a JPEG image", OTHER),
          at(0, "GIF87a", "a GIF image", OTHER),
          at(0, "GIF89a", "a GIF image", OTHER),
          at(0, "II*\0", "a TIFF image", OTHER),
          at(0, "MM\0*", "a TIFF image", OTHER),
          at(8, "WEBP", "a WebP image", OTHER),
          at(8, "WAVE", "a sound", OTHER),
          at(0, "OggS\0", "a sound or film", OTHER),
          at(0, "fLaC\0", "a sound", OTHER),
          at(4, "ftyp", "a film or image", OTHER),
          at(0, "%PDF-1", "a PDF document", EXTRACT),
          at(0, "%PDF-2", "a PDF document", EXTRACT),
          at(0, "\u00d0\u00cf\u0011\u00e0\u00a1\u00b1\u001a\u00e1", "an Office document", EXTRACT),
          at(0, "\u007fELF", "a program", OTHER),
          at(0, "\u00cf\u00fa\u00ed\u00fe", "a program", OTHER),
          at(0, "\u00ca\u00fe\u00ba\u00be", "a program", OTHER),
          at(0, "MZ\u0090\0", "a program", OTHER),
          at(0, "\0asm", "a WebAssembly program", OTHER),
          at(0, "GGUF", "a GGUF model", "give it with --model"),
          at(0, "\u0093NUMPY", "a NumPy array", EXPORT),
          at(0, "\u00ac\u00ed\0\u0005", "Java's serialised objects", EXPORT));

  private static Signature at(int offset, String bytes, String name, String remedy) {
    return new Signature(offset, bytes.getBytes(StandardCharsets.ISO_8859_1), name, remedy);
  }

  /**
   * The type of a file, or null if it is none of these.
   *
   * @param head the first 512 bytes, or all if there are fewer
   */
  static Signature of(byte[] head) {
    for (Signature signature : ALL) {
      if (signature.fits(head)) {
        return signature;
      }
    }
    if (isPickle(head)) {
      return at(0, "", "a pickle of Python's", EXPORT);
    }
    if (isSafetensors(head)) {
      return at(0, "", "a safetensors file", OTHER);
    }
    return null;
  }

  private boolean fits(byte[] head) {
    int end = offset + bytes.length;
    if (head.length < end || !Arrays.equals(head, offset, end, bytes, 0, bytes.length)) {
      return false;
    }
    // A few letters could be the beginning of a text, but a text has no control bytes.
    return bytes.length >= SURE || hasControls(bytes) || hasControls(head);
  }

  private static boolean hasControls(byte[] bytes) {
    for (byte each : bytes) {
      if (each >= 0 && each < ' ' && "\t\n\f\r\b\u001b".indexOf(each) < 0) {
        return true;
      }
    }
    return false;
  }

  /** PROTO and a version, then one of the instructions that Python puts next. */
  private static boolean isPickle(byte[] head) {
    return head.length > 2
        && head[0] == (byte) 0x80
        && head[1] >= 2
        && head[1] <= 5
        && (head[2] == (byte) 0x95 || head[2] >= '(');
  }

  /** The length of a header, which begins as a JSON object of names. */
  private static boolean isSafetensors(byte[] head) {
    if (head.length < 10 || head[8] != '{' || head[9] != '"' && head[9] != '}') {
      return false;
    }
    return head[4] == 0 && head[5] == 0 && head[6] == 0 && head[7] == 0;
  }
}
