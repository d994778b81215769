package io.sluice.cli.console;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A file of options, named on the command line as {@code @FILE}. Its words are separated by white
 * space and line breaks. Quotes, single or double, keep white space in a word. {@code #} at the
 * beginning of a word begins a comment, which ends with the line.
 */
public final class SettingsFile {
  private SettingsFile() {}

  /**
   * The words of a file.
   *
   * @throws IOException if the file cannot be read, is not UTF-8 or has a quote that does not end;
   *     the message names the file and the line
   */
  static List<String> read(String name) throws IOException {
    List<String> lines;
    try {
      lines = Files.readAllLines(Path.of(name));
    } catch (CharacterCodingException e) {
      throw new IOException(name + ": is not a text in UTF-8; save it as one", e);
    } catch (NoSuchFileException | InvalidPathException e) {
      throw new IOException(
          name + ": no such file of options; name one after @, or write @@ for a word with @", e);
    }
    List<String> words = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      // A file from Windows may begin with a byte order mark.
      String line =
          i == 0 && lines.get(i).startsWith("\ufeff") ? lines.get(i).substring(1) : lines.get(i);
      if (!addWords(line, words)) {
        throw new IOException(
            name + ": line " + (i + 1) + " has a quote that does not end; end it on that line");
      }
    }
    return words;
  }

  /** Adds the words of a line; false where a quote does not end. */
  private static boolean addWords(String line, List<String> words) {
    StringBuilder word = null;
    char quote = 0;
    for (char c : line.toCharArray()) {
      if (quote != 0) {
        if (c == quote) {
          quote = 0;
        } else {
          word.append(c);
        }
      } else if (Character.isWhitespace(c)) {
        if (word != null) {
          words.add(word.toString());
        }
        word = null;
      } else if (c == '#' && word == null) {
        break;
      } else {
        word = word == null ? new StringBuilder() : word;
        if (c == '"' || c == '\'') {
          quote = c;
        } else {
          word.append(c);
        }
      }
    }
    if (word != null) {
      words.add(word.toString());
    }
    return quote == 0;
  }
}
