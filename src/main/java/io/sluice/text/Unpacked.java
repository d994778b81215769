package io.sluice.text;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import io.sluice.files.Unfolding;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;

/**
 * The content of a compressed file as a stream, in the memory of the decoder's window and with a
 * limit on its size. Errors are one line that names the file.
 */
final class Unpacked extends FilterInputStream {
  private static final int PIECE = 1 << 16;

  /** The logarithm of the largest window: 128 MiB, zstd's own default. */
  private static final int LONGEST_WINDOW = 27;

  private final Path file;
  private final Content content;
  private final Unfolding unfolding;

  private Unpacked(Path file, Content content, InputStream unpacking, Unfolding unfolding) {
    super(unpacking);
    this.file = file;
    this.content = content;
    this.unfolding = unfolding;
  }

  /**
   * Starts unpacking.
   *
   * @param content {@link Content#GZIP} or {@link Content#ZSTANDARD}
   * @param fileBytes the length of the file
   */
  static InputStream of(Path file, Content content, InputStream in, long fileBytes)
      throws IOException {
    InputStream unpacking;
    try {
      if (content == Content.GZIP) {
        unpacking = new Gunzipped(in, PIECE);
      } else {
        unpacking = Zstandard.stream(in);
      }
    } catch (IOException e) {
      throw damaged(file, content, e);
    } catch (LinkageError e) {
      throw new IOException(
          file
              + ": is compressed with Zstandard, whose library (com.github.luben:zstd-jni) cannot be"
              + " loaded here; add it to the class path, unpack the file, or compress it with gzip",
          e);
    }
    return new Unpacked(file, content, unpacking, new Unfolding(fileBytes));
  }

  /** Apart from the rest, because linking it needs the library, which is optional. */
  private static final class Zstandard {
    static InputStream stream(InputStream in) throws IOException {
      return new ZstdInputStreamNoFinalizer(in).setLongMax(LONGEST_WINDOW);
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int from, int length) throws IOException {
    int read;
    try {
      read = in.read(bytes, from, length);
    } catch (IOException e) {
      throw damaged(file, content, e);
    }
    try {
      unfolding.add(Math.max(0, read));
    } catch (IOException e) {
      throw new IOException(file + ": " + e.getMessage() + "; give texts, which do not", e);
    }
    return read;
  }

  private static IOException damaged(Path file, Content content, IOException cause) {
    return new IOException(
        file
            + ": its "
            + content.label()
            + " stream is damaged, cut off or refers back too far; fetch it again, or unpack it and"
            + " give what is in it",
        cause);
  }
}
