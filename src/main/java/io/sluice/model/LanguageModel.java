package io.sluice.model;

import io.sluice.torch.Tensor;

/** A causal language model: a transformer that predicts the next token. */
public interface LanguageModel extends Transformer {
  /**
   * The scores of all tokens to come next.
   *
   * @param hidden last hidden states as {@link #forward} returns them, {@code [..., dModel]}
   * @return logits before the softmax, {@code [..., vocabulary]}, in the model's type, in the
   *     caller's innermost scope
   * @throws IllegalStateException if the checkpoint was saved without the model's head
   */
  Tensor logits(Tensor hidden);

  /**
   * How well the model predicts the tokens of the batch that count, each from those before it in
   * its context. Logits are made for a few positions at a time, so that memory stays bounded
   * whatever the vocabulary.
   *
   * @param hooks what to do at hook points
   * @return the sum over the tokens that count; a context's first never does
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #logits}
   */
  TokenLoss loss(TokenBatch batch, Hooks hooks);
}
