package io.sluice.model;

import io.sluice.torch.Tensor;
import java.util.List;
import java.util.function.IntConsumer;

/** A causal language model: a transformer that predicts the next token. */
public interface LanguageModel extends Transformer {
  /**
   * The logits of all next tokens.
   *
   * @param hidden last hidden states as {@link #forward} returns them, {@code [..., dModel]}
   * @return logits before the softmax, {@code [..., vocabulary]}, in the model's type, in the
   *     caller's innermost scope
   * @throws IllegalStateException if the checkpoint was saved without the model's head
   */
  Tensor logits(Tensor hidden);

  /**
   * What directions add to the logits when they are added to a hook point, on the direct path
   * alone: through the norm that follows the hook point inside its layer, if the architecture has
   * one, and through the last norm and the head, but through no later layer. Each norm is taken
   * with its weight and, if it subtracts the mean, without the direction's mean; its division by
   * the size of the residual stream is left out, which is one positive factor per token. So is the
   * cap on the logits. This is the logit lens of a direction.
   *
   * @param point where the directions are added; anything that a layer writes
   * @param directions {@code [n, width of the point]}, on the model's device
   * @return float32 {@code [n, vocabulary]}, in the caller's innermost scope
   * @throws IllegalArgumentException if the point does not exist or is {@code attn_in}, which no
   *     layer adds to the residual stream, or the directions have another width
   * @throws IllegalStateException if the checkpoint was saved without the model's head
   */
  Tensor directLogits(HookPoint point, Tensor directions);

  /**
   * Whether a layer adds what is written at {@code point} to the residual stream as it is. Where it
   * does not, a norm comes between, and the factors of {@link #directLogits} differ between hook
   * points.
   */
  boolean addsAsIs(HookPoint point);

  /** A text to read piece by piece, from its beginning. */
  Decoding decode();

  /**
   * The loss of predicting each token that is measured from the earlier tokens of its context.
   * Logits are made for a few positions at a time, so that memory stays bounded whatever the
   * vocabulary.
   *
   * @param hooks what to do at hook points
   * @return the sum over the tokens that count; a context's first never does
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #logits} and {@link #forward}
   */
  default TokenLoss loss(TokenBatch batch, Hooks hooks) {
    return losses(batch, List.of(hooks)).getFirst();
  }

  /** Like {@link #losses(TokenBatch, List, IntConsumer)}, without progress. */
  default List<TokenLoss> losses(TokenBatch batch, List<Hooks> variants) {
    return losses(batch, variants, done -> {});
  }

  /**
   * The losses of several variants of the model. Layers before a variant's first hook run once for
   * all; variants whose first hooks are in one layer run in their order.
   *
   * @param variants what to do at hook points, in each variant
   * @param progress receives how many variants are done, after each
   * @return one loss per variant, as {@link #loss} gives it
   * @throws IllegalArgumentException as {@link #forward}
   * @throws IllegalStateException as {@link #logits} and {@link #forward}
   */
  List<TokenLoss> losses(TokenBatch batch, List<Hooks> variants, IntConsumer progress);

  /**
   * What several variants of the model predict, position by position, and how far that is from what
   * the first predicts. The layers run as for {@link #losses}.
   *
   * @param variants what to do at hook points, in each variant; at least one
   * @param progress receives how many variants have run, after each
   * @throws IllegalArgumentException as {@link #forward}, or if there is no variant
   * @throws IllegalStateException as {@link #logits} and {@link #forward}
   */
  Predictions predictions(TokenBatch batch, List<Hooks> variants, IntConsumer progress);
}
