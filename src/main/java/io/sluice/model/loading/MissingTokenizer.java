package io.sluice.model.loading;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** What to do about a model without a {@code tokenizer.json}. */
final class MissingTokenizer {
  /** The tokenizer in other forms, from which a {@code tokenizer.json} can be made. */
  static final List<String> OTHER_FORMS =
      List.of(
          "vocab.json",
          "merges.txt",
          "vocab.txt",
          "tokenizer.model",
          "spiece.model",
          "added_tokens.json");

  /** What shells and Python leave as it is between quotes. */
  private static final Pattern PLAIN = Pattern.compile("[\\p{Alnum}/._ @:+,=~-]+");

  private MissingTokenizer() {}

  /**
   * The error where no tokenizer is beside the weights. Where there is one in another form, it has
   * the command that makes a {@code tokenizer.json} of it.
   */
  static IOException beside(Path weights, Path folder) {
    String missing = weights + ": has no tokenizer beside it; ";
    String named = ", or name one with --tokenizer";
    if (OTHER_FORMS.stream().noneMatch(name -> Files.isRegularFile(folder.resolve(name)))) {
      return new IOException(missing + "put the model's tokenizer.json into " + folder + named);
    }
    String place = PLAIN.matcher(folder.toString()).matches() ? folder.toString() : "FOLDER";
    return new IOException(
        missing
            + "make its tokenizer.json with: python -c \"from transformers import AutoTokenizer;"
            + " AutoTokenizer.from_pretrained('"
            + place
            + "').backend_tokenizer.save('"
            + place
            + "/tokenizer.json')\""
            + named);
  }
}
