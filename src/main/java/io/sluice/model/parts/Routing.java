package io.sluice.model.parts;

import java.util.Arrays;

/**
 * Which experts of a mixture each token goes to, and with what weight. An expert weighs its softmax
 * probability over all experts; of the chosen, which are the most probable, the weights may be
 * divided by their sum.
 *
 * <p>Pairs of a token and an expert have places, ordered by expert, then by token: what one expert
 * reads and writes lies together.
 */
public final class Routing {
  private final int chosen;
  private final int[] firsts;
  private final int[] tokens;
  private final int[] places;
  private final float[] weights;

  private Routing(int experts, int chosen, int count) {
    this.chosen = chosen;
    this.firsts = new int[experts + 1];
    this.tokens = new int[count * chosen];
    this.places = new int[count * chosen];
    this.weights = new float[count * chosen];
  }

  /**
   * Routes tokens.
   *
   * @param logits {@code [tokens, experts]}, the router's
   * @param experts how many there are
   * @param chosen how many each token goes to; of equal logits those of the first experts
   * @param normalised whether the weights of a token's experts are divided by their sum
   */
  public static Routing of(float[] logits, int experts, int chosen, boolean normalised) {
    int count = logits.length / experts;
    Routing routing = new Routing(experts, chosen, count);
    int[] all = new int[count * chosen];
    for (int token = 0; token < count; token++) {
      routing.choose(logits, experts, token, normalised, all);
    }
    for (int expert : all) {
      routing.firsts[expert + 1]++;
    }
    for (int expert = 0; expert < experts; expert++) {
      routing.firsts[expert + 1] += routing.firsts[expert];
    }
    int[] next = routing.firsts.clone();
    for (int i = 0; i < all.length; i++) {
      int place = next[all[i]]++;
      routing.places[i] = place;
      routing.tokens[place] = i / chosen;
    }
    return routing;
  }

  /** Chooses the experts of one token, and orders them by number. */
  private void choose(float[] logits, int experts, int token, boolean normalised, int[] all) {
    int from = token * experts;
    int to = token * chosen;
    for (int expert = 0; expert < experts; expert++) {
      float logit = logits[from + expert];
      int taken = Math.min(expert, chosen);
      if (taken == chosen && !(logit > logits[from + all[to + chosen - 1]])) {
        continue;
      }
      int at = Math.min(taken, chosen - 1);
      while (at > 0 && logit > logits[from + all[to + at - 1]]) {
        all[to + at] = all[to + at - 1];
        at--;
      }
      all[to + at] = expert;
    }
    float largest = logits[from + all[to]];
    Arrays.sort(all, to, to + chosen);
    double sum = 0;
    for (int expert = 0; expert < experts; expert++) {
      sum += Math.exp(logits[from + expert] - largest);
    }
    double kept = 0;
    for (int i = to; i < to + chosen; i++) {
      kept += Math.exp(logits[from + all[i]] - largest);
    }
    for (int i = to; i < to + chosen; i++) {
      double weight = Math.exp(logits[from + all[i]] - largest);
      weights[i] = (float) (weight / (normalised ? kept : sum));
    }
  }

  /** How many experts each token goes to. */
  public int chosen() {
    return chosen;
  }

  /** How many tokens there are. */
  public int count() {
    return tokens.length / chosen;
  }

  /** The first place of an expert. */
  public int first(int expert) {
    return firsts[expert];
  }

  /** How many tokens go to an expert. */
  public int count(int expert) {
    return firsts[expert + 1] - firsts[expert];
  }

  /** The token at a place. */
  public int token(int place) {
    return tokens[place];
  }

  /** The place of a token's i-th expert; experts of a token are ordered by their numbers. */
  public int place(int token, int i) {
    return places[token * chosen + i];
  }

  /** The weight of a token's i-th expert. */
  public float weight(int token, int i) {
    return weights[token * chosen + i];
  }
}
