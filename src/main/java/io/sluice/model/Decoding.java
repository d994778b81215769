package io.sluice.model;

import io.sluice.torch.Tensor;

/**
 * A text that a language model reads piece by piece. Keys and values of earlier tokens are kept, so
 * each further token needs a forward pass of one token, not of the whole text. Belongs to one
 * thread, and to the model that made it, which must stay open.
 */
public interface Decoding extends AutoCloseable {
  /** Tokens read so far. */
  int length();

  /**
   * Reads tokens that follow those read before.
   *
   * @param ids at least one, special tokens included
   * @return the scores of all tokens to come after the last of them, {@code [vocabulary]}, in the
   *     model's type, in the caller's innermost scope
   * @throws IllegalArgumentException if there is none, one is not in the vocabulary, or the text
   *     becomes longer than the model takes
   * @throws IllegalStateException as {@link LanguageModel#logits}
   */
  Tensor read(int... ids);

  /** Frees what is kept. */
  @Override
  void close();
}
