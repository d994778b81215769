package io.sluice.model.tokens;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Quoted;
import io.sluice.weights.GgufFile;
import java.io.IOException;

/**
 * How byte-level tokenizers split a text into the pieces that are merged on their own. GGUF files
 * contain only a name for it, whose meaning is defined by llama.cpp and by the models' own {@code
 * tokenizer.json}.
 */
enum GgufSplitter {
  GPT2(null, false, false, false),
  /** Like GPT-2, with texts first converted to Unicode's composed form (NFC). */
  NEOX(null, true, false, false),
  /** Like GPT-2, with every digit separate. */
  DIGITS(null, false, false, false),
  QWEN2(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      true,
      false,
      false),
  LLAMA3(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      false,
      true,
      true),
  TEKKEN(
      "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      false,
      true,
      true);

  private static final JsonMapper JSON = new JsonMapper();

  private final String pattern;
  private final boolean composes;
  private final boolean ignoresMerges;
  private final boolean beginsTexts;

  GgufSplitter(String pattern, boolean composes, boolean ignoresMerges, boolean beginsTexts) {
    this.pattern = pattern;
    this.composes = composes;
    this.ignoresMerges = ignoresMerges;
    this.beginsTexts = beginsTexts;
  }

  /**
   * The splitter for a name in a file.
   *
   * @throws IOException if it is not one of those that are known
   */
  static GgufSplitter named(GgufFile file, String name) throws IOException {
    return switch (name) {
      case "gpt-2" -> GPT2;
      case "olmo", "mpt" -> NEOX;
      case "smollm", "starcoder", "refact", "codeshell" -> DIGITS;
      case "qwen2", "deepseek-r1-qwen" -> QWEN2;
      case "llama3", "llama-v3", "llama-bpe", "falcon3" -> LLAMA3;
      case "tekken" -> TEKKEN;
      default ->
          throw new IOException(
              file.path()
                  + ": its tokenizer splits texts in the way "
                  + Quoted.of(name)
                  + ", there are gpt-2, llama-bpe, mpt, olmo, qwen2, smollm, starcoder and tekken;"
                  + " give the model's own tokenizer.json with --tokenizer");
    };
  }

  JsonNode normalizer() {
    return composes ? JSON.createObjectNode().put("type", "NFC") : NullNode.getInstance();
  }

  JsonNode preTokenizer() {
    if (this == GPT2 || this == NEOX) {
      return byteLevel(true);
    }
    ObjectNode sequence = JSON.createObjectNode().put("type", "Sequence");
    ArrayNode parts = sequence.putArray("pretokenizers");
    if (this == DIGITS) {
      parts.addObject().put("type", "Digits").put("individual_digits", true);
      parts.add(byteLevel(true));
    } else {
      ObjectNode split = parts.addObject().put("type", "Split");
      split.putObject("pattern").put("Regex", pattern);
      split.put("behavior", "Isolated").put("invert", false);
      parts.add(byteLevel(false));
    }
    return sequence;
  }

  /** Whether a piece that is a token as a whole stays one, whatever the merges. */
  boolean ignoresMerges() {
    return ignoresMerges;
  }

  /** Whether texts begin with a special token where the file does not say. */
  boolean beginsTexts() {
    return beginsTexts;
  }

  private static ObjectNode byteLevel(boolean splits) {
    return JSON.createObjectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", splits);
  }
}
