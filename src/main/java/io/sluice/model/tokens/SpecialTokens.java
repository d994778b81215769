package io.sluice.model.tokens;

import io.sluice.model.TokenBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * The special tokens that a model wants around each context.
 *
 * @param prefix before the text, for instance {@code [CLS]} or a beginning-of-text token
 * @param suffix after the text, for instance {@code [SEP]}
 */
public record SpecialTokens(int[] prefix, int[] suffix) {
  public static SpecialTokens of(Tokenizer tokenizer) {
    return new SpecialTokens(tokenizer.prefix(), tokenizer.suffix());
  }

  /** How many there are per context. */
  public int count() {
    return prefix.length + suffix.length;
  }

  /** The contexts with their special tokens; what counts are tokens that were not seen before. */
  public TokenBatch batch(List<Context> contexts) {
    List<int[]> dressed = new ArrayList<>();
    int[] from = new int[contexts.size()];
    for (Context context : contexts) {
      from[dressed.size()] = prefix.length + context.seen();
      dressed.add(around(context.tokens()));
    }
    return TokenBatch.of(dressed, from);
  }

  /** A text's tokens between the special ones. */
  public int[] around(int[] tokens) {
    int[] ids = new int[prefix.length + tokens.length + suffix.length];
    System.arraycopy(prefix, 0, ids, 0, prefix.length);
    System.arraycopy(tokens, 0, ids, prefix.length, tokens.length);
    System.arraycopy(suffix, 0, ids, prefix.length + tokens.length, suffix.length);
    return ids;
  }
}
