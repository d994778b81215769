package io.sluice.model;

import java.util.List;

/**
 * What variants of a model predict in a batch, position by position. A position predicts the token
 * behind it.
 *
 * @param positions of the predictions in their contexts: first those of tokens that count, as in
 *     {@link TokenLoss}, then the last of each context, whose next token is not known
 * @param known how many have a next token that is known
 * @param sums the loss of each variant, as {@link LanguageModel#losses} gives it
 * @param losses {@code [variants][known]}: minus the logarithm of the probability of the next
 *     token, in nats
 * @param divergences {@code [variants][positions]}: the Kullback–Leibler divergence {@code Σ p ·
 *     log(p / q)} in nats, where {@code p} is what the first variant predicts and {@code q} what
 *     this one does; 0 for the first
 */
public record Predictions(
    int[] positions, int known, List<TokenLoss> sums, double[][] losses, double[][] divergences) {
  /** Checks the sizes. */
  public Predictions {
    sums = List.copyOf(sums);
    if (known > positions.length
        || losses.length != sums.size()
        || divergences.length != sums.size()) {
      throw new IllegalArgumentException(
          "%s positions, %s known, %s sums, %s losses and %s divergences"
              .formatted(positions.length, known, sums.size(), losses.length, divergences.length));
    }
  }
}
