package io.sluice.hub;

import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fetches the content of one file. It goes on where an earlier try ended, and checks size and
 * checksum at the end.
 */
final class Download {
  private static final int CHUNK_BYTES = 1 << 18;
  private static final int PARTIAL = 206;
  private static final int NOT_SATISFIABLE = 416;
  private static final Pattern RANGE = Pattern.compile("bytes (\\d{1,18})-.*");

  private final HubClient client;
  private final HubName name;
  private final RemoteFile file;
  private final Path target;

  /**
   * A download.
   *
   * @param target where the content goes; may hold its beginning
   */
  Download(HubClient client, HubName name, RemoteFile file, Path target) {
    this.client = client;
    this.name = name;
    this.file = file;
    this.target = target;
  }

  /** How many bytes an earlier try left at {@code target}, at most {@code size}. */
  static long present(Path target, long size) throws IOException {
    return Files.exists(target) ? Math.min(Files.size(target), size) : 0;
  }

  /**
   * Fetches what is missing.
   *
   * @param progress hears how many bytes are there
   * @throws IOException if the hub refuses or falls silent too often, the disk does not take the
   *     file, or its content is not what the hub says; in the last case it is deleted
   */
  void run(Patience patience, LongConsumer progress) throws IOException {
    boolean resumed = present(target, file.size()) > 0;
    fetch(patience, progress);
    boolean matches = file.content().matches(target);
    if (!matches && resumed) {
      // What an earlier try left may be damaged: once more from the beginning.
      Files.delete(target);
      fetch(patience, progress);
      matches = file.content().matches(target);
    }
    if (!matches) {
      Files.delete(target);
      throw new IOException(
          "%s: what arrived is not what the hub says (its checksum is not %s); it was deleted, try again"
              .formatted(name.at(file.path()), file.content().hex()));
    }
  }

  private void fetch(Patience patience, LongConsumer progress) throws IOException {
    try (FileChannel out =
        OutputFolder.open(
            target.getParent(), target, StandardOpenOption.CREATE, StandardOpenOption.READ)) {
      if (out.size() > file.size()) {
        out.truncate(0);
      }
      while (out.size() < file.size()) {
        long before = out.size();
        try {
          fetchRest(out, progress);
        } catch (TransientException e) {
          if (out.size() > before) {
            patience.progressed();
          }
          patience.after(e);
        }
      }
      try {
        out.force(true);
      } catch (IOException e) {
        throw full(e);
      }
    }
  }

  private void fetchRest(FileChannel out, LongConsumer progress) throws IOException {
    HttpResponse<InputStream> answer = client.open(name, file, out.size());
    if (answer.statusCode() == NOT_SATISFIABLE) {
      answer.body().close();
      out.truncate(0);
      throw new TransientException(name.at(file.path()) + ": cannot go on where it ended");
    }
    client.require(name.at(file.path()), answer);
    if (!continuesAt(out.size(), answer)) {
      out.truncate(0);
    }
    byte[] chunk = new byte[CHUNK_BYTES];
    try (InputStream in = client.guarded(answer)) {
      while (out.size() < file.size()) {
        int count = read(in, chunk);
        if (count < 0) {
          throw HubClient.cut(name.at(file.path()), null);
        }
        if (count > file.size() - out.size()) {
          throw new IOException(
              "%s: more than its %,d bytes arrive; try again"
                  .formatted(name.at(file.path()), file.size()));
        }
        write(out, ByteBuffer.wrap(chunk, 0, count));
        progress.accept(out.size());
      }
    }
  }

  private int read(InputStream in, byte[] chunk) throws IOException {
    try {
      return in.read(chunk);
    } catch (IOException e) {
      throw HubClient.cut(name.at(file.path()), e);
    }
  }

  private void write(FileChannel out, ByteBuffer bytes) throws IOException {
    try {
      for (long at = out.size(); bytes.hasRemaining(); ) {
        at += out.write(bytes, at);
      }
    } catch (IOException e) {
      throw full(e);
    }
  }

  private IOException full(IOException cause) {
    return new IOException(
        target
            + ": cannot be written ("
            + cause.getMessage()
            + "); make room, or set HF_HOME to a folder on another disk",
        cause);
  }

  /** Whether an answer goes on where the file ends; else it is the whole file. */
  private static boolean continuesAt(long end, HttpResponse<InputStream> answer)
      throws IOException {
    if (answer.statusCode() != PARTIAL) {
      return false;
    }
    Matcher range = RANGE.matcher(answer.headers().firstValue("Content-Range").orElse(""));
    if (!range.matches() || Long.parseLong(range.group(1)) != end) {
      answer.body().close();
      throw new TransientException(
          Redirects.host(answer.uri()) + " sends another part than was asked for");
    }
    return true;
  }
}
