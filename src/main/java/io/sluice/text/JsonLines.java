package io.sluice.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.sluice.files.StrictJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A file with one JSON object per line; a field of each object is a document. Lines without a
 * document are left out and counted; empty lines are ignored.
 */
final class JsonLines implements Documents {
  /** The longest line in bytes. */
  private static final int LONGEST = JsonDocument.LONGEST;

  private static final String REMEDY = "correct or remove the line";

  private final Path file;
  private final InputStream in;
  private final TextSpec spec;
  private final TextProblems problems;
  private final ByteBuffer bytes = ByteBuffer.allocate(1 << 16).limit(0);
  private long line;
  private Document document;

  JsonLines(Path file, InputStream in, TextSpec spec, TextProblems problems) {
    this.file = file;
    this.in = in;
    this.spec = spec;
    this.problems = problems;
  }

  @Override
  public boolean next() throws IOException {
    for (byte[] content = readLine(); content != null; content = readLine()) {
      if (isBlank(content)) {
        continue;
      }
      document = document(content);
      if (document != null) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String where() {
    return file + ":" + line;
  }

  @Override
  public String piece() {
    return document.piece();
  }

  @Override
  public int[] ids() {
    return document.ids();
  }

  /**
   * The next line without its end, null at the file's end; lines that are too long become empty.
   */
  private byte[] readLine() throws IOException {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    boolean any = false;
    boolean tooLong = false;
    line++;
    while (true) {
      if (!bytes.hasRemaining()) {
        bytes.clear();
        int read = in.read(bytes.array(), 0, bytes.capacity());
        bytes.position(Math.max(0, read)).flip();
        if (read < 0) {
          break;
        }
      }
      any = true;
      int end = bytes.position();
      while (end < bytes.limit() && bytes.get(end) != '\n') {
        end++;
      }
      int length = end - bytes.position();
      tooLong |= content.size() + (long) length > LONGEST;
      if (!tooLong) {
        content.write(bytes.array(), bytes.position(), length);
      }
      boolean whole = end < bytes.limit();
      bytes.position(whole ? end + 1 : end);
      if (whole) {
        break;
      }
    }
    if (!any) {
      return null;
    }
    if (tooLong) {
      problems.unreadable(where(), "is longer than " + LONGEST + " bytes", REMEDY);
      return new byte[0];
    }
    byte[] result = content.toByteArray();
    return line == 1 ? withoutMark(result) : result;
  }

  private static byte[] withoutMark(byte[] content) {
    boolean marked =
        content.length >= 3
            && content[0] == (byte) 0xef
            && content[1] == (byte) 0xbb
            && content[2] == (byte) 0xbf;
    return marked ? Arrays.copyOfRange(content, 3, content.length) : content;
  }

  private static boolean isBlank(byte[] content) {
    for (byte b : content) {
      if (b != ' ' && b != '\t' && b != '\r') {
        return false;
      }
    }
    return true;
  }

  /** The document in a line, or null if there is none, which is recorded. */
  private Document document(byte[] content) throws IOException {
    // Decoded here and not by the parser, so that one invalid byte does not lose the document.
    String json = Utf8.decode(content, 0, content.length, where(), problems);
    JsonDocument found;
    try (JsonParser parser = JsonDocument.JSON.createParser(json)) {
      JsonToken first = parser.nextToken();
      if (first == JsonToken.START_ARRAY) {
        problems.unreadable(
            where(),
            "is not a JSON object, but an array",
            "write its objects one per line, for instance with jq -c '.[]'");
        return null;
      }
      if (first != JsonToken.START_OBJECT) {
        problems.unreadable(where(), "is not a JSON object", REMEDY);
        return null;
      }
      found = JsonDocument.read(parser, spec);
      if (parser.nextToken() != null) {
        problems.unreadable(where(), "has more after its JSON object", REMEDY);
        return null;
      }
    } catch (JsonProcessingException e) {
      problems.unreadable(where(), "is not JSON (" + StrictJson.reasonInLine(e) + ")", REMEDY);
      return null;
    }
    if (found.problem() != null) {
      problems.unreadable(where(), found.problem(), found.remedy());
      return null;
    }
    return found.document(where(), problems);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
