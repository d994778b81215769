package io.sluice.model.tokens;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Quoted;
import io.sluice.weights.GgufFile;
import io.sluice.weights.GgufMetadata;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Converts the tokenizer of a GGUF file to the form of {@code tokenizer.json}, for byte-level BPE
 * ({@code gpt2}) and for SentencePiece's BPE ({@code llama}). The file contains only a name for the
 * way in which a byte-level tokenizer splits a text; {@link GgufSplitter} has the meaning of the
 * names.
 */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  /** Longer tokens are not made by merges. */
  private static final int LONGEST_MERGED = 128;

  private static final JsonMapper JSON = new JsonMapper();

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final List<String> tokens;

  private GgufTokenizer(GgufFile file) throws IOException {
    this.file = file;
    this.metadata = file.metadata();
    this.tokens = metadata.texts(PREFIX + "tokens");
  }

  /**
   * The file's tokenizer.
   *
   * @param vocabulary rows of the model's token embedding
   * @throws IOException if it is missing, damaged, larger than the vocabulary, or of a kind that is
   *     not supported
   */
  static TokenizerFile read(GgufFile file, int vocabulary) throws IOException {
    String model = file.metadata().text(PREFIX + "model");
    if (!model.equals("gpt2") && !model.equals("llama")) {
      throw new IOException(
          file.path()
              + ": its tokenizer is of the kind "
              + Quoted.of(model)
              + ", there are gpt2 and llama; give the model's own tokenizer.json with --tokenizer");
    }
    GgufTokenizer reading = new GgufTokenizer(file);
    if (reading.tokens.size() > vocabulary) {
      throw reading.damaged(
          "its tokenizer has "
              + reading.tokens.size()
              + " tokens, but the model's vocabulary has "
              + vocabulary);
    }
    return model.equals("gpt2") ? reading.byteLevel() : reading.sentencePiece();
  }

  private TokenizerFile byteLevel() throws IOException {
    GgufSplitter splitter = GgufSplitter.named(file, metadata.text(PREFIX + "pre", "default"));
    ObjectNode root = JSON.createObjectNode();
    addSpecialTokens(root);
    root.set("normalizer", splitter.normalizer());
    root.set("pre_tokenizer", splitter.preTokenizer());
    root.putObject("decoder")
        .put("type", "ByteLevel")
        .put("add_prefix_space", true)
        .put("trim_offsets", true)
        .put("use_regex", true);
    ObjectNode model = model(root);
    model.put("ignore_merges", splitter.ignoresMerges());
    ArrayNode merges = model.putArray("merges");
    for (String merge : metadata.texts(PREFIX + "merges")) {
      int space = merge.indexOf(' ', 1);
      if (space < 0 || space == merge.length() - 1) {
        throw damaged("its tokenizer has the merge " + Quoted.of(merge));
      }
      merges.addArray().add(merge.substring(0, space)).add(merge.substring(space + 1));
    }
    return finished(root, splitter.beginsTexts());
  }

  private TokenizerFile sentencePiece() throws IOException {
    boolean gemma = metadata.text("general.architecture", "").startsWith("gemma");
    if (gemma) {
      // Runs of spaces are kept as such, though the model sees them as the others do.
      tokens.replaceAll(
          t -> !t.isEmpty() && t.isBlank() && t.contains(" ") ? "▁".repeat(t.length()) : t);
    }
    ObjectNode root = JSON.createObjectNode();
    addSpecialTokens(root);
    if (metadata.flag(PREFIX + "add_space_prefix", !gemma)) {
      root.putNull("normalizer");
      root.putObject("pre_tokenizer")
          .put("type", "Metaspace")
          .put("replacement", "▁")
          .put("prepend_scheme", "first")
          .put("split", false);
    } else {
      ObjectNode normalizer = root.putObject("normalizer");
      normalizer.put("type", "Replace").put("content", "▁").putObject("pattern").put("String", " ");
      root.putNull("pre_tokenizer");
    }
    ArrayNode decoders = root.putObject("decoder").put("type", "Sequence").putArray("decoders");
    decoders
        .addObject()
        .put("type", "Replace")
        .put("content", " ")
        .putObject("pattern")
        .put("String", "▁");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    ObjectNode model = model(root);
    model.put("byte_fallback", true).put("fuse_unk", true);
    long unknown = metadata.integer(PREFIX + "unknown_token_id", 0);
    if (unknown >= 0 && unknown < tokens.size()) {
      model.put("unk_token", tokens.get((int) unknown));
    }
    ArrayNode merges = model.putArray("merges");
    for (Merge merge : merges(gemma)) {
      merges.addArray().add(merge.left).add(merge.right);
    }
    return finished(root, true);
  }

  /** Two tokens that become one. */
  private record Merge(String left, String right, double score) {}

  /**
   * The merges that the vocabulary implies: every way to cut a token into two others, best score
   * first. Gemma's scores do not follow its merges; there the order of the tokens does.
   */
  private List<Merge> merges(boolean byOrder) throws IOException {
    double[] scores = byOrder ? null : metadata.reals(PREFIX + "scores");
    if (scores != null && scores.length != tokens.size()) {
      throw damaged(
          "its tokenizer has " + scores.length + " scores for " + tokens.size() + " tokens");
    }
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      ids.put(tokens.get(id), id);
    }
    List<Merge> merges = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      String token = tokens.get(id);
      if (token.length() > LONGEST_MERGED || ids.get(token) != id) {
        continue;
      }
      List<Merge> ways = new ArrayList<>();
      for (int cut = token.offsetByCodePoints(0, Math.min(1, token.length()));
          cut < token.length();
          cut = token.offsetByCodePoints(cut, 1)) {
        String left = token.substring(0, cut);
        String right = token.substring(cut);
        if (ids.containsKey(left) && ids.containsKey(right)) {
          ways.add(new Merge(left, right, scores == null ? -id : scores[id]));
        }
      }
      ways.sort(
          Comparator.comparing((Merge way) -> ids.get(way.left))
              .thenComparing(way -> ids.get(way.right)));
      merges.addAll(ways);
    }
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(merge -> merge.left.codePointCount(0, merge.left.length()))
            .thenComparingInt(merge -> merge.right.codePointCount(0, merge.right.length()))
            .reversed());
    return merges;
  }

  private ObjectNode model(ObjectNode root) {
    ObjectNode model = root.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      vocabulary.put(tokens.get(id), id);
    }
    return model;
  }

  /** Tokens that are found in a text before anything else is done to it. */
  private void addSpecialTokens(ObjectNode root) throws IOException {
    root.put("version", "1.0").putNull("truncation").putNull("padding").putNull("post_processor");
    ArrayNode added = root.putArray("added_tokens");
    if (!metadata.contains(PREFIX + "token_type")) {
      return;
    }
    long[] types = metadata.integers(PREFIX + "token_type");
    if (types.length != tokens.size()) {
      throw damaged(
          "its tokenizer has " + types.length + " token types for " + tokens.size() + " tokens");
    }
    for (int id = 0; id < types.length; id++) {
      if (types[id] == CONTROL || types[id] == USER_DEFINED) {
        added
            .addObject()
            .put("id", id)
            .put("content", tokens.get(id))
            .put("single_word", false)
            .put("lstrip", false)
            .put("rstrip", false)
            .put("normalized", false)
            .put("special", types[id] == CONTROL);
      }
    }
  }

  private TokenizerFile finished(ObjectNode root, boolean begins) throws IOException {
    int[] prefix =
        metadata.flag(PREFIX + "add_bos_token", begins) ? special("bos_token_id") : new int[0];
    int[] suffix =
        metadata.flag(PREFIX + "add_eos_token", false) ? special("eos_token_id") : new int[0];
    return new TokenizerFile(root, prefix, suffix);
  }

  private int[] special(String key) throws IOException {
    if (!metadata.contains(PREFIX + key)) {
      return new int[0];
    }
    long id = metadata.integer(PREFIX + key);
    if (id < 0 || id >= tokens.size()) {
      throw damaged(PREFIX + key + " is " + id + " of " + tokens.size() + " tokens");
    }
    return new int[] {(int) id};
  }

  private IOException damaged(String wrong) {
    return new IOException(
        file.path() + ": " + wrong + "; the file is damaged or incomplete, fetch it again");
  }
}
