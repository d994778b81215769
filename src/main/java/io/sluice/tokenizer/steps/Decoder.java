package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.characters.ByteLevel;
import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.Occurrences;
import io.sluice.tokenizer.description.TokenizerException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Turns tokens into parts of a text, step by step; the parts are joined at the end. */
public interface Decoder {
  /** Characters that a decoded token may grow to: as a Replace after a Replace may make it. */
  int LONGEST_PART = 1 << 20;

  /** The parts after this step; the list is the step's to change. */
  List<String> decode(List<String> tokens) throws TokenizerException;

  /** Reads a description. */
  static Decoder read(Component part, int depth) throws TokenizerException {
    return switch (part.node().path("type").asText()) {
      case "BPEDecoder" -> words(part.text("suffix"));
      case "ByteFallback" -> Decoder::byteFallback;
      case "ByteLevel" -> Decoder::byteLevel;
      case "Fuse" -> tokens -> new ArrayList<>(List.of(String.join("", tokens)));
      case "Metaspace" -> Metaspace.decoder(part);
      case "Replace" -> replace(part);
      case "Strip" ->
          strip(part.character("content"), part.number("start", 0), part.number("stop", 0));
      case "WordPiece" -> wordPiece(part.text("prefix"), part.flag("cleanup"));
      case "Sequence" -> sequence(part, depth);
      default ->
          throw part.unknownType(
              "BPEDecoder, ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip and"
                  + " WordPiece");
    };
  }

  private static Decoder sequence(Component part, int depth) throws TokenizerException {
    if (depth > 4) {
      throw new TokenizerException("its " + part.path() + " is nested too deep");
    }
    List<Decoder> steps = new ArrayList<>();
    for (Component child : part.children("decoders")) {
      steps.add(read(child, depth + 1));
    }
    return tokens -> {
      List<String> now = tokens;
      for (Decoder step : steps) {
        now = step.decode(now);
      }
      return now;
    };
  }

  private static Decoder words(String suffix) throws TokenizerException {
    if (suffix.isEmpty()) {
      throw new TokenizerException("its decoder.suffix must not be empty");
    }
    return tokens -> {
      int last = tokens.size() - 1;
      for (int i = 0; i <= last; i++) {
        tokens.set(i, tokens.get(i).replace(suffix, i == last ? "" : " "));
      }
      return tokens;
    };
  }

  private static Decoder wordPiece(String prefix, boolean cleans) {
    return tokens -> {
      for (int i = 0; i < tokens.size(); i++) {
        String token = tokens.get(i);
        if (i > 0) {
          token = token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token;
        }
        tokens.set(i, cleans ? cleaned(token) : token);
      }
      return tokens;
    };
  }

  private static String cleaned(String text) {
    if (text.indexOf(' ') < 0) {
      return text;
    }
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" do not", " don't")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }

  private static Decoder replace(Component part) throws TokenizerException {
    Occurrences pattern = part.pattern();
    String content = part.text("content");
    return tokens -> {
      for (int i = 0; i < tokens.size(); i++) {
        String token = tokens.get(i);
        StringBuilder out = new StringBuilder();
        int[] done = {0};
        pattern.find(
            token,
            (start, end) -> {
              out.append(token, done[0], start).append(content);
              done[0] = end;
              if (out.length() > LONGEST_PART) {
                throw Normalizer.tooLong(part.path(), LONGEST_PART);
              }
            });
        tokens.set(i, out.append(token, done[0], token.length()).toString());
      }
      return tokens;
    };
  }

  private static Decoder strip(int content, int start, int stop) {
    return tokens -> {
      for (int i = 0; i < tokens.size(); i++) {
        String token = tokens.get(i);
        int from = 0;
        int to = token.length();
        for (int n = 0; n < start && from < to && token.codePointAt(from) == content; n++) {
          from += Character.charCount(content);
        }
        for (int n = 0; n < stop && to > from && token.codePointBefore(to) == content; n++) {
          to -= Character.charCount(content);
        }
        tokens.set(i, token.substring(from, to));
      }
      return tokens;
    };
  }

  private static List<String> byteLevel(List<String> tokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String token : tokens) {
      if (token.chars().allMatch(c -> ByteLevel.decode((char) c) >= 0)) {
        token.chars().forEach(c -> bytes.write(ByteLevel.decode((char) c)));
      } else {
        bytes.writeBytes(token.getBytes(StandardCharsets.UTF_8));
      }
    }
    return new ArrayList<>(List.of(bytes.toString(StandardCharsets.UTF_8)));
  }

  /** Tokens like {@code <0x0A>} that follow each other are UTF-8, or not text at all. */
  private static List<String> byteFallback(List<String> tokens) {
    List<String> parts = new ArrayList<>();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String token : tokens) {
      if (token.matches("<0x[0-9A-Fa-f]{2}>")) {
        bytes.write(Integer.parseInt(token.substring(3, 5), 16));
      } else {
        addText(bytes, parts);
        parts.add(token);
      }
    }
    addText(bytes, parts);
    return parts;
  }

  private static void addText(ByteArrayOutputStream bytes, List<String> parts) {
    if (bytes.size() == 0) {
      return;
    }
    try {
      parts.add(
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(bytes.toByteArray()))
              .toString());
    } catch (CharacterCodingException e) {
      parts.add("\uFFFD".repeat(bytes.size()));
    }
    bytes.reset();
  }
}
