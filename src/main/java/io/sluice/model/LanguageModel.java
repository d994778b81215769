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
   * How well the model predicts each token of the batch from those before it in its context.
   *
   * @param hooks what to do at hook points
   * @return the sum over all tokens but each context's first
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #logits}
   */
  default TokenLoss loss(TokenBatch batch, Hooks hooks) {
    return loss(batch, hooks, 1);
  }

  /**
   * How well the model predicts the tokens from position {@code from} on; logits are made for a few
   * positions at a time, so that memory stays bounded whatever the vocabulary.
   *
   * @param from position of the first token that counts, at least 1
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #logits}
   */
  TokenLoss loss(TokenBatch batch, Hooks hooks, int from);
}
