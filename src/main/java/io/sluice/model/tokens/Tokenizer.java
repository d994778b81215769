package io.sluice.model.tokens;

import io.sluice.tokenizer.TextTokenizer;
import io.sluice.tokenizer.description.TokenizerException;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A model's tokenizer, from HuggingFace's {@code tokenizer.json} or from a GGUF file. Truncation
 * and padding that the file asks for are left out: texts are cut into contexts here.
 *
 * <p>Threads may share it. A call that runs while another thread closes it finishes; later calls
 * throw {@link IllegalStateException}.
 */
public final class Tokenizer implements AutoCloseable {
  private final Path file;
  private final IOException missing; // Null if there is a tokenizer.
  private final int[] prefix;
  private final int[] suffix;

  /** Null once this is closed. */
  private volatile TextTokenizer tokenizer;

  private Tokenizer(Path file, TextTokenizer tokenizer, int[] prefix, int[] suffix) {
    this.file = file;
    this.missing = null;
    this.tokenizer = tokenizer;
    this.prefix = prefix;
    this.suffix = suffix;
  }

  private Tokenizer(Path file, IOException missing) {
    this.file = file;
    this.missing = missing;
    this.prefix = new int[0];
    this.suffix = new int[0];
  }

  /**
   * The tokenizer of a model that has none and reads token ids alone. It has no special tokens, and
   * everything that needs a vocabulary throws.
   *
   * @param file where it would be
   * @param missing what is thrown, which says what to do
   */
  public static Tokenizer missing(Path file, IOException missing) {
    return new Tokenizer(file, missing);
  }

  /** Whether there is a tokenizer, as opposed to {@link #missing}. */
  public boolean isThere() {
    return missing == null;
  }

  /**
   * Requires that there is a tokenizer.
   *
   * @throws IOException if there is none
   */
  public void require() throws IOException {
    if (missing != null) {
      throw new IOException(missing.getMessage(), missing);
    }
  }

  /**
   * Reads a {@code tokenizer.json}.
   *
   * @throws IOException if it is missing, not UTF-8 JSON, not a tokenizer, or has parts that are
   *     not supported
   */
  public static Tokenizer open(Path file) throws IOException {
    return of(file, TokenizerFile.read(file));
  }

  /**
   * The tokenizer that a GGUF file holds.
   *
   * @param vocabulary how many tokens the model has
   * @throws IOException if it is missing, damaged, of a kind that is not supported, or does not fit
   *     the model
   */
  public static Tokenizer of(GgufFile file, int vocabulary) throws IOException {
    return of(file.path(), GgufTokenizer.read(file, vocabulary));
  }

  static Tokenizer of(Path file, TokenizerFile parts) throws IOException {
    try {
      TextTokenizer tokenizer = TextTokenizer.read(parts.root());
      return new Tokenizer(file, tokenizer, parts.prefix(), parts.suffix());
    } catch (TokenizerException e) {
      throw TokenizerFile.unusable(file, e);
    }
  }

  /**
   * The same tokenizer with other special tokens before a text. Each of the two is closed for
   * itself.
   */
  public Tokenizer withPrefix(int... ids) {
    if (missing != null) {
      throw new IllegalStateException(missing.getMessage(), missing);
    }
    return new Tokenizer(file, open(), ids.clone(), suffix);
  }

  /** The id of a token by its name in the vocabulary, for instance {@code <|endoftext|>}. */
  public OptionalInt id(String token) {
    return missing == null ? open().id(token) : OptionalInt.empty();
  }

  /** Where it was read from. */
  public Path file() {
    return file;
  }

  /** Special tokens that the model wants before a text, for instance {@code [CLS]}. */
  public int[] prefix() {
    return prefix.clone();
  }

  /** Special tokens that the model wants after a text, for instance {@code [SEP]}. */
  public int[] suffix() {
    return suffix.clone();
  }

  /**
   * The ids of a text's tokens, without special tokens around them and however long it is. Takes
   * memory for the text's normalised form, about eight bytes for each of its characters.
   *
   * @throws IOException if the tokenizer has no ids for the text, or would take time or memory out
   *     of proportion to it
   * @throws IllegalStateException if this is closed
   */
  public int[] encode(String text) throws IOException {
    return encode(text, false);
  }

  /**
   * As the other, for a part of a text.
   *
   * @param continues whether it goes on where another part was cut, as {@link #lastCut} says
   */
  public int[] encode(String part, boolean continues) throws IOException {
    require();
    try {
      return open().encode(part, continues);
    } catch (TokenizerException e) {
      throw TokenizerFile.unusable(file, e);
    }
  }

  /**
   * Where a text that may go on can be cut, so that the ids of its parts are those of the whole; -1
   * if no such place is known.
   */
  public int lastCut(CharSequence text) {
    return missing == null ? open().lastCut(text) : -1;
  }

  /**
   * The text that ids stand for, without special tokens.
   *
   * @throws IOException if the tokenizer cannot decode them, which only a damaged one does
   * @throws IllegalStateException if this is closed
   */
  public String decode(int[] ids) throws IOException {
    require();
    try {
      return open().decode(ids);
    } catch (TokenizerException e) {
      throw TokenizerFile.unusable(file, e);
    }
  }

  /**
   * The text of each token, as it reads after another token; texts of consecutive tokens, one after
   * the other, are the text that was tokenized, but for what the tokenizer changes. A token that is
   * part of a character is its bytes, for instance {@code <0xE2>}. Ids without a token have an
   * empty text.
   *
   * @param vocabulary the number of ids
   * @throws IOException if the tokenizer cannot decode one, which only a damaged one does
   * @throws IllegalStateException if this is closed
   */
  public List<String> texts(int vocabulary) throws IOException {
    require();
    TextTokenizer open = open();
    List<String> texts = new ArrayList<>(vocabulary);
    try {
      for (int id = 0; id < vocabulary; id++) {
        texts.add(open.text(id));
      }
    } catch (TokenizerException e) {
      throw TokenizerFile.unusable(file, e);
    }
    return texts;
  }

  private TextTokenizer open() {
    TextTokenizer open = tokenizer;
    if (open == null) {
      throw new IllegalStateException("the tokenizer of " + file + " is closed");
    }
    return open;
  }

  /** Frees the vocabulary; closing twice has no effect. */
  @Override
  public void close() {
    tokenizer = null;
  }
}
