package io.sluice.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.sluice.files.StrictJson;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A file that is one JSON array, read item by item: texts or lists of token ids, or objects of
 * which a field is a document. Items without a document are left out and counted. After damage
 * nothing can be told apart any more, so it ends the reading.
 */
final class JsonArray implements Documents {
  /** A byte-order mark in UTF-8. */
  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private final Path file;
  private final TextSpec spec;
  private final TextProblems problems;
  private final JsonParser parser;
  private long item = -1;
  private boolean ended;
  private Document document;

  /**
   * @param in the file in UTF-8
   */
  JsonArray(Path file, InputStream in, TextSpec spec, TextProblems problems) throws IOException {
    this.file = file;
    this.spec = spec;
    this.problems = problems;
    // Decoded here and not by the parser, so that one invalid byte does not lose the file.
    InputStream utf8 = new Transcoded(file.toString(), in, StandardCharsets.UTF_8, problems);
    this.parser =
        JsonDocument.JSON.createParser(new InputStreamReader(utf8, StandardCharsets.UTF_8));
  }

  /**
   * Whether a file begins as an array, and not as an object or anything else. A byte-order mark at
   * its beginning is consumed.
   */
  static boolean begins(BufferedInputStream in) throws IOException {
    in.mark(Content.HEAD);
    if (!Arrays.equals(in.readNBytes(MARK.length), MARK)) {
      in.reset();
    }
    in.mark(Content.HEAD);
    int first = ' ';
    for (int i = 0; i < Content.HEAD && first >= 0 && first <= ' '; i++) {
      first = in.read();
    }
    in.reset();
    return first == '[';
  }

  @Override
  public boolean next() throws IOException {
    try {
      if (item < 0) {
        parser.nextToken();
      }
      while (!ended) {
        JsonToken token = parser.nextToken();
        if (token == JsonToken.END_ARRAY) {
          ended = true;
          if (parser.nextToken() != null) {
            throw new IOException(
                file
                    + ": has more after the end of its JSON array; give one array, or JSON lines, an"
                    + " object in each");
          }
          return false;
        }
        item++;
        JsonDocument found = JsonDocument.read(parser, spec);
        if (found.problem() != null) {
          problems.unreadable(where(), found.problem(), found.remedy());
          continue;
        }
        document = found.document(where(), problems);
        return true;
      }
      return false;
    } catch (JsonProcessingException e) {
      throw new IOException(
          file
              + ": is not a JSON array that can be read ("
              + StrictJson.reason(e)
              + "); it is damaged or incomplete, fetch it again",
          e);
    }
  }

  @Override
  public String where() {
    return file + " item " + item;
  }

  @Override
  public String piece() {
    return document.piece();
  }

  @Override
  public int[] ids() {
    return document.ids();
  }

  @Override
  public void close() throws IOException {
    parser.close();
  }
}
