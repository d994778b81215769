package io.sluice.tokenizer.steps;

import io.sluice.tokenizer.description.Component;
import io.sluice.tokenizer.description.Occurrences;
import io.sluice.tokenizer.description.TokenizerException;

/**
 * Replaces spaces by a visible character, puts one at the beginning, and splits before each, if the
 * description enables it.
 */
final class Metaspace implements Splitter {
  private enum Prepend {
    ALWAYS,
    FIRST,
    NEVER
  }

  private final String replacement;
  private final Prepend prepend;
  private final Splitter splitter;

  private Metaspace(String replacement, Prepend prepend, boolean splits) {
    this.replacement = replacement;
    this.prepend = prepend;
    this.splitter =
        splits
            ? Cut.MERGED_WITH_NEXT.at(Occurrences.of(replacement))
            : (text, first, sink) -> sink.piece(text, first);
  }

  static Metaspace read(Component part) throws TokenizerException {
    String replacement = Character.toString(part.character("replacement"));
    return new Metaspace(replacement, prepend(part), part.flag("split", true));
  }

  private static Prepend prepend(Component part) throws TokenizerException {
    Prepend prepend =
        switch (part.text("prepend_scheme", "always")) {
          case "always" -> Prepend.ALWAYS;
          case "first" -> Prepend.FIRST;
          case "never" -> Prepend.NEVER;
          default -> throw part.wrong("prepend_scheme", "must be always, first or never");
        };
    if (!part.flag("add_prefix_space", true) && prepend != Prepend.NEVER) {
      throw part.wrong("add_prefix_space", "its prepend_scheme says otherwise");
    }
    return prepend;
  }

  /** Whether what it does depends on where a piece comes from. */
  boolean asksForStart() {
    return prepend == Prepend.FIRST;
  }

  @Override
  public void split(String text, boolean first, Sink sink) throws TokenizerException {
    String shown = text.replace(" ", replacement);
    if ((prepend == Prepend.ALWAYS || prepend == Prepend.FIRST && first)
        && !shown.startsWith(replacement)) {
      shown = replacement.concat(shown);
    }
    splitter.split(shown, first, sink);
  }

  /** The decoder of the same name: spaces are spaces again, and there is none at the start. */
  static Decoder decoder(Component part) throws TokenizerException {
    String replacement = Character.toString(part.character("replacement"));
    boolean begins = prepend(part) != Prepend.NEVER;
    return tokens -> {
      for (int i = 0; i < tokens.size(); i++) {
        tokens.set(i, tokens.get(i).replace(replacement, i == 0 && begins ? "" : " "));
      }
      return tokens;
    };
  }
}
