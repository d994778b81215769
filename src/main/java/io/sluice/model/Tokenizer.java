package io.sluice.model;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.sluice.weights.GgufFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * A tokenizer from HuggingFace's {@code tokenizer.json}, run by their own library. Truncation and
 * padding that the file asks for are switched off: texts are cut into contexts here.
 *
 * <p>Nothing is ever fetched: the library's native part comes with its jar, and its switches for
 * telemetry and downloads ({@code OPT_OUT_TRACKING}, {@code RUST_FLAVOR}) are set before it loads,
 * unless the program has set them itself.
 */
public final class Tokenizer implements AutoCloseable {
  private final Path file;
  private final HuggingFaceTokenizer tokenizer;
  private final int[] prefix;
  private final int[] suffix;

  private Tokenizer(Path file, HuggingFaceTokenizer tokenizer, int[] prefix, int[] suffix) {
    this.file = file;
    this.tokenizer = tokenizer;
    this.prefix = prefix;
    this.suffix = suffix;
  }

  /**
   * Reads a {@code tokenizer.json}.
   *
   * @throws IOException if it is missing, not UTF-8 JSON, or not a tokenizer
   */
  public static Tokenizer open(Path file) throws IOException {
    return of(file, TokenizerFile.read(file));
  }

  /**
   * The tokenizer that a GGUF file holds.
   *
   * @throws IOException if it is missing, damaged, of a kind that is not supported, or does not fit
   *     the model
   */
  public static Tokenizer of(GgufFile file) throws IOException {
    return of(file.path(), GgufTokenizer.read(file, GgufConfig.read(file).vocabulary()));
  }

  static Tokenizer of(Path file, TokenizerFile parts) throws IOException {
    setUnlessSet("OPT_OUT_TRACKING", "true");
    setUnlessSet("RUST_FLAVOR", "cpu");
    try {
      HuggingFaceTokenizer tokenizer =
          HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(parts.json().getBytes(StandardCharsets.UTF_8)),
              Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
      return new Tokenizer(file, tokenizer, parts.prefix(), parts.suffix());
    } catch (RuntimeException e) {
      throw TokenizerFile.damaged(file, String.valueOf(e.getMessage()), e);
    }
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
   * The ids of a text's tokens, without special tokens around them and however long it is.
   *
   * @throws IOException if the tokenizer cannot encode the text, which only a damaged one does
   */
  public int[] encode(String text) throws IOException {
    if (text.isEmpty()) {
      return new int[0];
    }
    try {
      return ids(tokenizer.encode(text, false, false));
    } catch (RuntimeException e) {
      throw TokenizerFile.damaged(file, String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * The text that ids stand for, without special tokens.
   *
   * @throws IOException if the tokenizer cannot decode them, which only a damaged one does
   */
  public String decode(int[] ids) throws IOException {
    try {
      return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), true);
    } catch (RuntimeException e) {
      throw TokenizerFile.damaged(file, String.valueOf(e.getMessage()), e);
    }
  }

  /** Frees the tokenizer. */
  @Override
  public void close() {
    tokenizer.close();
  }

  private static int[] ids(Encoding encoding) {
    long[] longs = encoding.getIds();
    int[] ids = new int[longs.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Math.toIntExact(longs[i]);
    }
    return ids;
  }

  private static void setUnlessSet(String name, String value) {
    if (System.getenv(name) == null && System.getProperty(name) == null) {
      System.setProperty(name, value);
    }
  }
}
