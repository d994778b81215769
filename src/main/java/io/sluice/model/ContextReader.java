package io.sluice.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/**
 * Cuts texts into contexts: tokens of one document only, in order, without overlap; all but a
 * document's last have the same length. Each file is one document. Reads as it goes, in memory for
 * a few pieces of text.
 */
final class ContextReader implements AutoCloseable {
  private final Tokenizer tokenizer;
  private final int vocabulary;
  private final Iterator<Path> files;
  private final int contextTokens;
  private long left;

  private int document = -1;
  private Path file;
  private TextPieces pieces;
  private long documentTokens;
  private int[] pending = new int[0];
  private int taken;

  /**
   * @param vocabulary ids of tokens must be below this
   * @param texts the documents
   * @param contextTokens tokens of text per context, at least 1
   * @param limit where to stop
   */
  ContextReader(
      Tokenizer tokenizer, int vocabulary, List<Path> texts, int contextTokens, long limit) {
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.files = texts.iterator();
    this.contextTokens = contextTokens;
    this.left = limit;
  }

  /**
   * The next context, or null at the end.
   *
   * @throws IOException if a text cannot be read, is not UTF-8 or holds no tokens, or the tokenizer
   *     gives an id that the model does not have
   */
  Context next() throws IOException {
    while (left > 0) {
      fill();
      int count = (int) Math.min(left, Math.min(contextTokens, pending.length - taken));
      if (count > 0) {
        int[] tokens = Arrays.copyOfRange(pending, taken, taken + count);
        taken += count;
        left -= count;
        return new Context(document, tokens);
      }
      if (!nextDocument()) {
        return null;
      }
    }
    return null;
  }

  /** Tokenises until a whole context is there, or the document ends. */
  private void fill() throws IOException {
    while (pieces != null && pending.length - taken < contextTokens) {
      String piece = pieces.next();
      if (piece == null) {
        endDocument();
        return;
      }
      int[] more = tokenizer.encode(piece);
      check(more);
      int kept = pending.length - taken;
      // The range goes beyond the end: what lies there is filled with the new tokens.
      int[] joined = Arrays.copyOfRange(pending, taken, pending.length + more.length);
      System.arraycopy(more, 0, joined, kept, more.length);
      pending = joined;
      taken = 0;
      documentTokens += more.length;
    }
  }

  private void check(int[] ids) throws IOException {
    for (int id : ids) {
      if (id < 0 || id >= vocabulary) {
        throw new IOException(
            tokenizer.file()
                + ": gives token id "
                + id
                + ", but the model's vocabulary has "
                + vocabulary
                + "; this tokenizer belongs to another model");
      }
    }
  }

  private boolean nextDocument() throws IOException {
    if (!files.hasNext()) {
      return false;
    }
    file = files.next();
    pieces = new TextPieces(file);
    document++;
    documentTokens = 0;
    pending = new int[0];
    taken = 0;
    return true;
  }

  private void endDocument() throws IOException {
    pieces.close();
    pieces = null;
    if (documentTokens == 0) {
      throw new IOException(file + ": holds no text; give a file with text");
    }
  }

  @Override
  public void close() throws IOException {
    if (pieces != null) {
      pieces.close();
    }
  }
}
