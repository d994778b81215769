package io.sluice.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.tokenizer.characters.Characters;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.TokenizerException;
import io.sluice.tokenizer.model.Ids;
import io.sluice.tokenizer.model.Model;
import io.sluice.tokenizer.steps.Decoder;
import io.sluice.tokenizer.steps.Normalizer;
import io.sluice.tokenizer.steps.Splitter;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/**
 * A tokenizer as {@code tokenizer.json} describes it: added tokens, a normaliser, a splitter, a
 * model, a decoder. Truncation, padding and special tokens around a text are left to the caller.
 *
 * <p>It owns no native memory, and several threads may use it.
 */
public final class TextTokenizer {
  /** What a normaliser may make of a text: U+FDFA alone becomes 18 characters. */
  private static final int LARGEST_GROWTH = 20;

  private static final int GROWTH_OF_ANY = 100_000;
  private static final int LONGEST_TEXT = 1 << 30;

  /** Decoders treat the first token in another way; this one decodes to itself. */
  private static final String ANCHOR = "a";

  private static final char REPLACEMENT = '\uFFFD';

  private final AddedTokens added;
  private final Normalizer normalizer;
  private final Splitter splitter;
  private final Model model;
  private final Decoder decoder;
  private final boolean takesParts;

  private TextTokenizer(Component root) throws TokenizerException {
    String version = root.text("version", "1.0");
    if (!version.equals("1.0")) {
      throw root.wrong("version", "must be 1.0");
    }
    normalizer = root.has("normalizer") ? Normalizer.read(root.child("normalizer"), 0) : null;
    splitter =
        root.has("pre_tokenizer")
            ? Splitter.read(root.child("pre_tokenizer"), 0)
            : (text, first, sink) -> sink.piece(text, first);
    model = Model.read(root.child("model"));
    decoder = root.has("decoder") ? Decoder.read(root.child("decoder"), 0) : null;
    added = AddedTokens.read(root, model, normalizer);
    takesParts = WordCuts.areHarmless(root.node(), model);
  }

  /**
   * Reads a description.
   *
   * @param root the JSON object of a {@code tokenizer.json}, read with decimals as {@link
   *     java.math.BigDecimal}: scores are taken to their last digit
   * @throws TokenizerException if something is missing, of the wrong type, or not supported
   */
  public static TextTokenizer read(JsonNode root) throws TokenizerException {
    if (!root.isObject()) {
      throw new TokenizerException("it is not a JSON object");
    }
    return new TextTokenizer(new Component("", root));
  }

  /**
   * The ids of a text's tokens, however long it is. Halves of surrogate pairs are read as U+FFFD.
   *
   * @throws TokenizerException if the text holds what the model has no ids for, or would take time
   *     or memory out of proportion to its length
   */
  public int[] encode(String text) throws TokenizerException {
    return encode(text, false);
  }

  /**
   * Where a text that may go on can be cut, so that the ids of its parts are those of the whole:
   * the last place that is known to be such, or -1 if there is none, as for many tokenizers and for
   * texts without single spaces between Latin letters.
   */
  public int lastCut(CharSequence text) {
    return takesParts ? WordCuts.last(text) : -1;
  }

  /**
   * As the other, for a part of a text.
   *
   * @param continues whether it goes on where another part was cut, as {@link #lastCut} says
   */
  public int[] encode(String text, boolean continues) throws TokenizerException {
    String whole = Characters.withoutHalves(text);
    long limit = Math.min(LONGEST_TEXT, GROWTH_OF_ANY + (long) whole.length() * LARGEST_GROWTH);
    Ids ids = new Ids();
    added.cutText(
        whole,
        (start, end, id) -> {
          if (id >= 0) {
            ids.add(id);
          } else {
            Normalizer.Text part =
                new Normalizer.Text(
                    whole.substring(start, end), start == 0 && !continues, start == 0 && continues);
            encodePart(part, limit, ids);
          }
        });
    return ids.toArray();
  }

  private void encodePart(Normalizer.Text part, long limit, Ids ids) throws TokenizerException {
    Normalizer.Text text = normalizer == null ? part : normalizer.normalize(part, limit);
    String chars = text.chars();
    boolean fromStart = text.fromStart();
    added.cutNormalized(
        chars,
        (start, end, id) -> {
          if (id >= 0) {
            ids.add(id);
          } else {
            splitter.split(
                chars.substring(start, end),
                fromStart && start == 0,
                (piece, isFirst) -> model.tokenize(piece, ids));
          }
        });
  }

  /**
   * The text that ids stand for, without special tokens; ids that there are none for are left out.
   *
   * @throws TokenizerException if the decoder takes too long or makes too much of a token
   */
  public String decode(int[] ids) throws TokenizerException {
    List<String> tokens = new ArrayList<>(ids.length);
    for (int id : ids) {
      String token = added.token(id);
      token = token == null ? model.vocabulary().token(id) : token;
      if (token != null && !added.isSpecial(token)) {
        tokens.add(token);
      }
    }
    if (tokens.isEmpty()) {
      return "";
    }
    return decoder == null ? String.join(" ", tokens) : String.join("", decoder.decode(tokens));
  }

  /** The id of a token by its name in the vocabulary or among added tokens, if there is one. */
  public OptionalInt id(String token) {
    Integer known = added.id(token);
    known = known == null ? model.vocabulary().id(token) : known;
    return known == null ? OptionalInt.empty() : OptionalInt.of(known);
  }

  /**
   * The text of a token as it reads after another token: with the space before a word, without the
   * marks of the vocabulary. A token that is part of a character is its bytes, for instance {@code
   * <0xE2>}; an added token is itself; an id without a token is empty.
   *
   * @throws TokenizerException if the decoder makes too much of it
   */
  public String text(int id) throws TokenizerException {
    String token = added.token(id);
    if (token != null) {
      return token;
    }
    token = model.vocabulary().token(id);
    if (token == null) {
      return "";
    }
    if (decoder == null) {
      return " " + token;
    }
    String text = String.join("", decoder.decode(new ArrayList<>(List.of(ANCHOR, token))));
    text = text.startsWith(ANCHOR) ? text.substring(ANCHOR.length()) : text;
    return text.indexOf(REPLACEMENT) < 0 ? text : PartialCharacters.of(token, text);
  }
}
