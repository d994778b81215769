package io.sluice.model.capture;

import io.sluice.files.Quoted;
import io.sluice.model.ModelShape;
import io.sluice.model.chat.BadConversation;
import io.sluice.model.chat.ChatTemplate;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.Context;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.model.tokens.Tokenizer;
import io.sluice.text.TextForm;
import io.sluice.text.TextProblems;
import io.sluice.text.TextReader;
import io.sluice.text.TextSpec;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Cuts texts into contexts: tokens of one document only, in order; all but a document's last have
 * the same length. The tokens are those of the whole document. A long one is tokenised in parts of
 * a million characters if there are places where that is known to change nothing, or else as a
 * whole, in memory for it. Documents that are token ids are taken as they are.
 */
final class ContextReader implements AutoCloseable {
  /** Characters that are tokenised at once, if the document can be cut. */
  static final int PART = 1 << 20;

  /** The longest part that is not cut, in characters. */
  private static final int LONGEST = 1 << 28;

  private final Tokenizer tokenizer;
  private final int vocabulary;
  private final TextReader texts;
  private final TextForm form;
  private final ChatTemplate chat; // Null if the documents are no conversations.
  private final String name;
  private final int contextTokens;
  private final int stride;
  private final long limit;
  private long left;
  private long leftBeforeDocument;
  private int contexts;

  private int document = -1;
  private String documentName = "";
  private boolean inDocument;
  private boolean continues;
  private boolean atEnd;
  private boolean isLeftOut;
  private StringBuilder text = new StringBuilder();
  private boolean found;
  private long documentTokens;
  private int[] pending = new int[0];
  private int taken;
  private int seen;

  /**
   * @param vocabulary ids of tokens must be below this
   * @param texts the documents; closed with this
   * @param form what they are
   * @param chat makes text of conversations; null if they are none
   * @param name what the texts are called, for messages
   * @param contextTokens tokens of text per context, at least 1
   * @param stride tokens from one context's beginning to the next, at most {@code contextTokens}
   * @param limit where to stop
   */
  ContextReader(
      Tokenizer tokenizer,
      int vocabulary,
      TextReader texts,
      TextForm form,
      ChatTemplate chat,
      String name,
      int contextTokens,
      int stride,
      long limit) {
    this.tokenizer = tokenizer;
    this.vocabulary = vocabulary;
    this.texts = texts;
    this.form = form;
    this.chat = chat;
    this.name = name;
    this.contextTokens = contextTokens;
    this.stride = stride;
    this.limit = limit;
    this.left = limit;
  }

  /**
   * Checks that model, tokenizer and lengths fit each other, and starts reading.
   *
   * @throws IOException if a special token of the tokenizer is not in the model's vocabulary
   * @throws IllegalArgumentException if the context is longer than the model takes or leaves no
   *     room for text, or the stride is longer than that room
   */
  static ContextReader open(LoadedModel model, ContextSpec spec) throws IOException {
    ModelShape shape = model.transformer().shape();
    SpecialTokens special = spec.specialTokens(model);
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
            spec.texts().form(),
            spec.texts().form() == TextForm.CHAT ? template(model.tokenizer(), spec.texts()) : null,
            paths(spec.texts()),
            room,
            spec.stride() == 0 ? room : spec.stride(),
            spec.tokens());
    reader.check(special.prefix());
    reader.check(special.suffix());
    return reader;
  }

  /** A model's chat template, whose special tokens its tokenizer takes as such. */
  private static ChatTemplate template(Tokenizer tokenizer, TextSpec texts) throws IOException {
    ChatTemplate template = ChatTemplate.of(tokenizer.file());
    for (String token : template.specialTokens()) {
      int[] ids = tokenizer.encode(token);
      if (ids.length != 1 || ids[0] != tokenizer.id(token).orElse(-1)) {
        throw new IOException(
            tokenizer.file()
                + ": has "
                + Quoted.of(token)
                + " not among its added_tokens, but its chat template needs it as a special token;"
                + " give the model's own tokenizer.json");
      }
    }
    return texts.chatDate().isPresent() ? template.on(texts.chatDate().get()) : template;
  }

  /**
   * Passes over documents and contexts, before anything is read.
   *
   * @param documents documents that are passed over without being tokenised
   * @param number the number of the document after them among all
   * @param passed contexts of that document
   * @throws IOException as {@link #next}
   */
  void skip(int documents, int number, int passed) throws IOException {
    for (int i = 0; i < documents; i++) {
      texts.nextDocument();
    }
    document = number - 1;
    for (int i = 0; i < passed; i++) {
      next();
    }
  }

  /** Where the context is that {@link #next} has given last. */
  ContextStart place() {
    return new ContextStart(texts.place(), document, contexts - 1, limit - leftBeforeDocument);
  }

  /** The files of the texts. */
  List<Path> files() {
    return texts.files();
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
        Context context = new Context(document, documentName, tokens, seen);
        left -= context.fresh();
        contexts++;
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

  /** The problems in the texts read so far. */
  TextProblems problems() {
    return texts.problems();
  }

  /** Tokenises until a whole context is there, or the document ends. */
  private void fill() throws IOException {
    while (inDocument && pending.length - taken < contextTokens) {
      int[] more =
          switch (form) {
            case TEXT -> nextTokens();
            case TOKEN_IDS -> nextIds();
            case CHAT -> nextConversation();
          };
      int kept = pending.length - taken;
      // The range extends beyond the end and is filled with the new tokens.
      int[] joined = Arrays.copyOfRange(pending, taken, pending.length + more.length);
      System.arraycopy(more, 0, joined, kept, more.length);
      pending = joined;
      taken = 0;
      documentTokens += more.length;
      if (atEnd) {
        endDocument();
      }
    }
  }

  private int[] nextTokens() throws IOException {
    String part = nextPart();
    int[] tokens = part.isEmpty() ? new int[0] : tokenizer.encode(part, continues);
    continues = true;
    check(tokens);
    return tokens;
  }

  /** The tokens of a whole conversation, its special tokens among them. */
  private int[] nextConversation() throws IOException {
    StringBuilder messages = new StringBuilder();
    for (String piece = texts.nextPiece(); piece != null; piece = texts.nextPiece()) {
      messages.append(piece);
    }
    atEnd = true;
    try {
      int[] tokens = tokenizer.encode(chat.render(messages.toString()));
      check(tokens);
      return tokens;
    } catch (BadConversation e) {
      texts
          .problems()
          .unreadable(
              texts.where(), e.getMessage(), "give messages that the model's template takes");
      isLeftOut = true;
      return new int[0];
    }
  }

  private int[] nextIds() throws IOException {
    int[] ids = texts.nextIds();
    atEnd = ids == null;
    if (atEnd) {
      return new int[0];
    }
    for (int id : ids) {
      if (id >= vocabulary) {
        throw new IOException(
            texts.where()
                + ": has token id "
                + id
                + ", but the model's vocabulary has "
                + vocabulary
                + "; give ids that the model's own tokenizer made");
      }
    }
    return ids;
  }

  /** The part of the document that can be tokenised separately. */
  private String nextPart() throws IOException {
    int wanted = PART;
    while (true) {
      String piece = texts.nextPiece();
      if (piece == null) {
        atEnd = true;
        String last = text.toString();
        text = new StringBuilder();
        return last;
      }
      text.append(piece);
      if (text.length() < wanted) {
        continue;
      }
      int cut = tokenizer.lastCut(text);
      if (cut > 0) {
        String part = text.substring(0, cut);
        text.delete(0, cut);
        return part;
      }
      if (text.length() > LONGEST) {
        throw new IOException(
            texts.where()
                + ": is one document of more than "
                + LONGEST
                + " characters, and this tokenizer takes it only as a whole; give it as several");
      }
      // Searched again when there is twice as much text, so that all searches together take about
      // as long as the last.
      wanted = 2 * text.length();
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
    continues = false;
    atEnd = false;
    isLeftOut = false;
    text.setLength(0);
    document++;
    contexts = 0;
    leftBeforeDocument = left;
    documentName = fileName(texts.where());
    documentTokens = 0;
    pending = new int[0];
    taken = 0;
    seen = 0;
    return true;
  }

  /** A place without the folders before the file. */
  private static String fileName(String where) {
    return where.substring(where.lastIndexOf(File.separatorChar) + 1);
  }

  private void endDocument() throws IOException {
    inDocument = false;
    found |= documentTokens > 0;
    if (documentTokens == 0 && !isLeftOut) {
      texts.problems().withoutText(texts.where());
    }
  }

  @Override
  public void close() throws IOException {
    texts.close();
  }
}
