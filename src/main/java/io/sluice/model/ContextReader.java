package io.sluice.model;

import io.sluice.text.TextProblems;
import io.sluice.text.TextReader;
import io.sluice.text.TextSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Cuts texts into contexts: tokens of one document only, in order; all but a document's last have
 * the same length. Reads as it goes, in memory for a few pieces of text.
 */
final class ContextReader implements AutoCloseable {
  private final Tokenizer tokenizer;
  private final int vocabulary;
  private final TextReader texts;
  private final String name;
  private final int contextTokens;
  private final int stride;
  private long left;

  private int document = -1;
  private boolean inDocument;
  private boolean found;
  private long documentTokens;
  private int[] pending = new int[0];
  private int taken;
  private int seen;

  /**
   * @param vocabulary ids of tokens must be below this
   * @param texts the documents; closed with this
   * @param name what the texts are called, for messages
   * @param contextTokens tokens of text per context, at least 1
   * @param stride tokens from one context's beginning to the next, at most {@code contextTokens}
   * @param limit where to stop
   */
  private ContextReader(
      Tokenizer tokenizer,
      int vocabulary,
      TextReader texts,
      String name,
      int contextTokens,
      int stride,
      long limit) {
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.texts = texts;
    this.name = name;
    this.contextTokens = contextTokens;
    this.stride = stride;
    this.left = limit;
  }

  /**
   * Starts reading, once model, tokenizer and lengths are seen to fit each other.
   *
   * @throws IOException if a special token of the tokenizer is not in the model's vocabulary
   * @throws IllegalArgumentException if the context is longer than the model takes or leaves no
   *     room for text, or the stride is longer than that room
   */
  static ContextReader open(LoadedModel model, ContextSpec spec) throws IOException {
    ModelShape shape = model.transformer().shape();
    SpecialTokens special = SpecialTokens.of(model.tokenizer());
    spec.requireFits(model);
    int room = spec.context() - special.count();
    if (spec.stride() > room) {
      throw new IllegalArgumentException(
          "a stride of "
              + spec.stride()
              + " tokens would leave text out: contexts of "
              + spec.context()
              + " tokens have room for "
              + room
              + " of the text");
    }
    ContextReader reader =
        new ContextReader(
            model.tokenizer(),
            shape.vocabulary(),
            TextReader.open(spec.texts()),
            paths(spec.texts()),
            room,
            spec.stride() == 0 ? room : spec.stride(),
            spec.tokens());
    reader.check(special.prefix());
    reader.check(special.suffix());
    return reader;
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
      int count = Math.min(contextTokens, pending.length - taken);
      if (count > seen) {
        count = (int) Math.min(count, seen + left);
        int[] tokens = Arrays.copyOfRange(pending, taken, taken + count);
        Context context = new Context(document, tokens, seen);
        left -= context.fresh();
        taken += stride;
        seen = contextTokens - stride;
        return context;
      }
      if (!nextDocument()) {
        return null;
      }
    }
    return null;
  }

  /** What was wrong with the texts so far. */
  TextProblems problems() {
    return texts.problems();
  }

  /** Tokenises until a whole context is there, or the document ends. */
  private void fill() throws IOException {
    while (inDocument && pending.length - taken < contextTokens) {
      String piece = texts.nextPiece();
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

  /** Texts as the caller named them, so that a message leads to the file. */
  private static String paths(TextSpec texts) {
    return texts.paths().stream().map(Path::toString).collect(Collectors.joining(", "));
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
    if (!texts.nextDocument()) {
      if (!found) {
        throw new IOException(
            texts.problems().documents() == 0
                ? name + ": holds no text; give texts with words"
                : name + ": no text in it can be used: " + texts.problems().summary());
      }
      return false;
    }
    inDocument = true;
    document++;
    documentTokens = 0;
    pending = new int[0];
    taken = 0;
    seen = 0;
    return true;
  }

  private void endDocument() throws IOException {
    inDocument = false;
    found |= documentTokens > 0;
    if (documentTokens == 0) {
      texts.problems().withoutText(texts.where());
    }
  }

  @Override
  public void close() throws IOException {
    texts.close();
  }
}
