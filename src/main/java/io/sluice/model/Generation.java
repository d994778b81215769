package io.sluice.model;

import io.sluice.torch.DType;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.IntConsumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * How a model continues a text, one token at a time. Meant to show that a model is right, not to
 * serve it: nothing is kept from token to token, so each costs a run over the whole text.
 *
 * @param tokens how many tokens to add, at least 1
 * @param temperature what logits are divided by before one is drawn; 0 takes the most probable
 * @param topK how many of the most probable tokens may be drawn; 0 for all
 * @param seed of the draws; the same seed gives the same text
 */
public record Generation(int tokens, double temperature, int topK, long seed) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public Generation {
    ContextSpec.requirePositive("tokens", tokens);
    if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("temperature must not be negative: " + temperature);
    }
    if (topK < 0) {
      throw new IllegalArgumentException("topK must not be negative: " + topK);
    }
  }

  /** The most probable token each time. */
  public static Generation greedy(int tokens) {
    return new Generation(tokens, 0, 0, 0);
  }

  /**
   * Continues a text. Ends early where the model's longest context is reached.
   *
   * @param prompt the text so far, special tokens included, at least one
   * @param hooks what to do at hook points
   * @param onToken told each token as it comes
   * @return the prompt and what was added
   * @throws IllegalArgumentException if the prompt is empty, longer than the model takes, or has an
   *     id that the model does not have
   */
  public int[] run(LanguageModel model, int[] prompt, Hooks hooks, IntConsumer onToken) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    int[] text = prompt.clone();
    int end = (int) Math.min((long) prompt.length + tokens, model.shape().maxContext());
    while (text.length < end) {
      int next;
      try (TensorScope scope = TensorScope.open()) {
        Tensor hidden = model.forward(TokenBatch.of(List.of(text)), hooks);
        Tensor logits = model.logits(hidden.select(1, text.length - 1)).reshape(-1).to(DType.F32);
        next = temperature == 0 ? (int) logits.argmax(0, false).item() : draw(logits, random);
      }
      text = Arrays.copyOf(text, text.length + 1);
      text[text.length - 1] = next;
      onToken.accept(next);
    }
    return text;
  }

  /**
   * Continues a text.
   *
   * @return the text and what was added, without special tokens
   * @throws IOException if the tokenizer is damaged
   * @throws IllegalArgumentException if the model is not a causal language model, or the text is
   *     empty or too long for it
   */
  public String run(LoadedModel model, String prompt) throws IOException {
    Objects.requireNonNull(prompt, "prompt");
    int[] prefix = model.tokenizer().prefix();
    int[] words = model.tokenizer().encode(prompt);
    int[] ids = Arrays.copyOf(prefix, prefix.length + words.length);
    System.arraycopy(words, 0, ids, prefix.length, words.length);
    if (ids.length == 0) {
      throw new IllegalArgumentException("there is no text to continue");
    }
    int[] text = run(model.languageModel(), ids, Hooks.none(), token -> {});
    return model.tokenizer().decode(Arrays.copyOfRange(text, prefix.length, text.length));
  }

  private int draw(Tensor logits, RandomGenerator random) {
    int candidates = topK == 0 ? (int) logits.size(0) : (int) Math.min(topK, logits.size(0));
    var best = logits.mul(1 / temperature).topk(candidates, 0, true);
    double[] shares = best.values().softmax(0).toDoubles();
    long[] ids = best.indices().toLongs();
    double left = random.nextDouble() * Arrays.stream(shares).sum();
    for (int i = 0; i < shares.length; i++) {
      left -= shares[i];
      if (left < 0) {
        return (int) ids[i];
      }
    }
    return (int) ids[0];
  }
}
