package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.characters.ByteLevel;
import io.sluice.tokenizer.characters.Characters;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.Occurrences;
import io.sluice.tokenizer.description.Regex;
import io.sluice.tokenizer.description.TokenizerException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/** Splits a text into pieces that are tokenised separately. */
public interface Splitter {
  /** Takes the pieces in order; they are not empty. */
  interface Sink {
    /**
     * @param first whether the piece stands at the very start of what was given to the tokenizer
     */
    void piece(String text, boolean first) throws TokenizerException;
  }

  void split(String text, boolean first, Sink sink) throws TokenizerException;

  /** Reads a description. */
  static Splitter read(Component part, int depth) throws TokenizerException {
    return switch (part.node().path("type").asText()) {
      case "BertPreTokenizer" ->
          new Then(
              Cut.REMOVED.at(Characters::isWhiteSpace), Cut.ISOLATED.at(Characters::isPunctuation));
      case "ByteLevel" -> byteLevel(part);
      case "CharDelimiterSplit", "Delimiter" -> {
        int delimiter = part.character("delimiter");
        yield Cut.REMOVED.at((IntPredicate) c -> c == delimiter);
      }
      case "Digits" ->
          part.flag("individual_digits")
              ? Cut.ISOLATED.at(Characters::isNumeric)
              : Cut.CONTIGUOUS.at(Characters::isNumeric);
      case "FixedLength" -> fixedLength(part.number("length", 1, 5));
      case "Metaspace" -> Metaspace.read(part);
      case "Punctuation" -> Cut.read(part, "Isolated").at(Characters::isPunctuation);
      case "Split" -> {
        Occurrences pattern = part.pattern();
        Cut cut = Cut.read(part, null);
        yield part.flag("invert") ? cut.between(pattern) : cut.at(pattern);
      }
      case "Whitespace" -> Splitter::words;
      case "WhitespaceSplit" -> Cut.REMOVED.at(Characters::isWhiteSpace);
      case "Sequence" -> {
        if (depth > 4) {
          throw new TokenizerException("its " + part.path() + " is nested too deep");
        }
        List<Splitter> steps = new ArrayList<>();
        for (Component child : part.children("pretokenizers")) {
          steps.add(read(child, depth + 1));
          if ((steps.size() > 1 || depth > 0)
              && steps.getLast() instanceof Metaspace last
              && last.asksForStart()) {
            throw new TokenizerException(
                "its "
                    + child.path()
                    + ".prepend_scheme is first, which is supported only before all others");
          }
        }
        Splitter all = (text, first, sink) -> sink.piece(text, first);
        for (int i = steps.size() - 1; i >= 0; i--) {
          all = i == steps.size() - 1 ? steps.get(i) : new Then(steps.get(i), all);
        }
        yield all;
      }
      default ->
          throw part.unknownType(
              "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace,"
                  + " Punctuation, Sequence, Split, Whitespace and WhitespaceSplit");
    };
  }

  /** One after the other: what the first makes is split by the second. */
  record Then(Splitter one, Splitter other) implements Splitter {
    @Override
    public void split(String text, boolean first, Sink sink) throws TokenizerException {
      one.split(text, first, (piece, isFirst) -> other.split(piece, isFirst, sink));
    }
  }

  private static Splitter byteLevel(Component part) throws TokenizerException {
    boolean prefixes = part.flag("add_prefix_space");
    Splitter splitter =
        part.flag("use_regex", true)
            ? Cut.ISOLATED.at(
                new Regex(
                    part.path(),
                    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
                        + "|\\s+"))
            : (text, first, sink) -> sink.piece(text, first);
    return (text, first, sink) ->
        splitter.split(
            prefixes && !text.startsWith(" ") ? " ".concat(text) : text,
            first,
            (piece, isFirst) -> sink.piece(ByteLevel.encode(piece), isFirst));
  }

  private static Splitter fixedLength(int length) {
    return (text, first, sink) -> {
      int end;
      for (int at = 0; at < text.length(); at = end) {
        end = at;
        for (int i = 0; i < length && end < text.length(); i++) {
          end += Character.charCount(text.codePointAt(end));
        }
        sink.piece(text.substring(at, end), first && at == 0);
      }
    };
  }

  /** Runs of word characters and runs of what is neither those nor white space. */
  private static void words(String text, boolean first, Sink sink) throws TokenizerException {
    int next;
    for (int at = 0; at < text.length(); at = next) {
      int c = text.codePointAt(at);
      next = at + Character.charCount(c);
      if (Characters.isWhiteSpace(c)) {
        continue;
      }
      boolean word = Characters.isWord(c);
      while (next < text.length()) {
        int after = text.codePointAt(next);
        if (Characters.isWord(after) != word || !word && Characters.isWhiteSpace(after)) {
          break;
        }
        next += Character.charCount(after);
      }
      sink.piece(text.substring(at, next), first && at == 0);
    }
  }
}
