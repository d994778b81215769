package io.sluice.cli.console;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Addresses on file systems of Hadoop, such as {@code s3a://bucket/store}. As a path of this
 * machine one loses a slash, so the word itself is asked for.
 */
public final class Address {
  private static final Pattern FORM =
      Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]*://.*", Pattern.DOTALL);

  private Address() {}

  /** Whether a word is one. */
  public static boolean is(String word) {
    return FORM.matcher(word).matches();
  }

  /** The value of an option, if it is one word and an address. */
  static Optional<String> of(OptionSpec option) {
    List<String> words = option.originalStringValues();
    return words.size() == 1 && is(words.getFirst())
        ? Optional.of(words.getFirst())
        : Optional.empty();
  }
}
