package io.sluice.text;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The problems in the texts read so far.
 *
 * <p>Not safe for use by several threads at a time.
 */
public final class TextProblems {
  /** The number of problems that are named; the others are only counted. */
  private static final int NAMED = 3;

  private final boolean strict;
  private final List<String> first = new ArrayList<>();
  private long documents;
  private long characters;
  private long empty;

  TextProblems(boolean strict) {
    this.strict = strict;
  }

  /** Lines or rows that could not be read and were left out. */
  public long documents() {
    return documents;
  }

  /** Sequences of bytes that were not UTF-8, each now a U+FFFD. */
  public long characters() {
    return characters;
  }

  /** Files, lines or rows that held no text. */
  public long empty() {
    return empty;
  }

  /** Whether there are no problems. */
  public boolean isEmpty() {
    return documents + characters + empty == 0;
  }

  /** A summary in one line: the number of each kind, and the locations of the first. */
  public String summary() {
    List<String> counts = new ArrayList<>();
    add(counts, documents, "document that cannot be read", "documents that cannot be read");
    add(counts, characters, "character that is not UTF-8", "characters that are not UTF-8");
    add(counts, empty, "document without text", "documents without text");
    long unnamed = documents + characters + empty - first.size();
    return String.join(", ", counts)
        + ": "
        + String.join("; ", first)
        + (unnamed > 0 ? "; and " + unnamed + " more" : "");
  }

  private static void add(List<String> counts, long count, String one, String many) {
    if (count > 0) {
      counts.add(count + " " + (count == 1 ? one : many));
    }
  }

  /**
   * Records a document that is left out.
   *
   * @param where its place
   * @param why what is wrong, to be read after the place
   * @param remedy what to do about it
   * @throws IOException if the texts are read strictly
   */
  public void unreadable(String where, String why, String remedy) throws IOException {
    note(where, why, remedy);
    documents++;
  }

  /** Records a character that is replaced. */
  void notUtf8(String where, String why) throws IOException {
    note(where, why, "convert the text to UTF-8");
    characters++;
  }

  /**
   * Records a document without text.
   *
   * @throws IOException if the texts are read strictly
   */
  public void withoutText(String where) throws IOException {
    note(where, "holds no text", "give texts with words");
    empty++;
  }

  private void note(String where, String why, String remedy) throws IOException {
    if (strict) {
      throw new IOException(where + ": " + why + "; " + remedy);
    }
    if (first.size() < NAMED) {
      first.add(where + " " + why);
    }
  }
}
