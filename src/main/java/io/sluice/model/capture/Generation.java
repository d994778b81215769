package io.sluice.model.capture;

import io.sluice.memory.DType;
import io.sluice.model.Decoding;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * How a model continues a text, one token at a time, until it ends the text.
 *
 * @param tokens how many tokens to add at most, at least 1
 * @param temperature what logits are divided by before one is drawn; 0 takes the most probable
 * @param topK how many of the most probable tokens may be drawn; 0 for all
 * @param topP the share of probability, above 0, that the most probable tokens which may be drawn
 *     reach together; 1 for all. Taken of what {@code topK} leaves
 * @param seed of the draws; the same seed gives the same text
 */
public record Generation(int tokens, double temperature, int topK, double topP, long seed) {
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
      throw new IllegalArgumentException("top-k must not be negative: " + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top-p must be above 0 and at most 1: " + topP);
    }
  }

  /** The most probable token each time. */
  public static Generation greedy(int tokens) {
    return new Generation(tokens, 0, 0, 1, 0);
  }

  /**
   * Continues a text. Ends early where the model's longest context is reached, and after a token of
   * {@code ends}.
   *
   * @param prompt the text so far, special tokens included, at least one
   * @param ends tokens that end a text, as {@link LoadedModel#endOfText} has them
   * @param onToken receives each token as it comes
   * @return the prompt and what was added
   * @throws IllegalArgumentException if the prompt is empty, longer than the model takes, or has an
   *     id that the model does not have
   */
  public int[] run(LanguageModel model, int[] prompt, Set<Integer> ends, IntConsumer onToken) {
    try (Decoding decoding = model.decode()) {
      return run(
          prompt,
          ends,
          model.shape().maxContext(),
          onToken,
          text -> decoding.read(Arrays.copyOfRange(text, decoding.length(), text.length)));
    }
  }

  /**
   * Continues a text with activations replaced by hooks. Hooks get the activations of the whole
   * text, so nothing is kept from token to token, and each costs a run over all of it.
   *
   * @param hooks what to do at hook points
   * @throws IllegalArgumentException as the other
   */
  public int[] run(
      LanguageModel model, int[] prompt, Set<Integer> ends, Hooks hooks, IntConsumer onToken) {
    return run(
        prompt,
        ends,
        model.shape().maxContext(),
        onToken,
        text -> {
          Tensor hidden = model.forward(TokenBatch.of(List.of(text)), hooks);
          return model.logits(hidden.select(1, text.length - 1)).reshape(-1);
        });
  }

  /** Gives the logits of what follows a text. */
  @FunctionalInterface
  private interface Reader {
    Tensor logits(int[] text);
  }

  private int[] run(
      int[] prompt, Set<Integer> ends, int longest, IntConsumer onToken, Reader reader) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    int[] text = prompt.clone();
    int end = (int) Math.min((long) prompt.length + tokens, longest);
    int next = -1;
    while (text.length < end && !(text.length > prompt.length && ends.contains(next))) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor logits = reader.logits(text).to(DType.F32);
        next =
            temperature == 0
                ? (int) logits.argmax(0, false).item()
                : draw(logits.toFloats(), random);
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
    int[] text = run(model.languageModel(), ids, model.endOfText(), token -> {});
    return model.tokenizer().decode(Arrays.copyOfRange(text, prefix.length, text.length));
  }

  /** A token, drawn with the probabilities of {@link #shares}. */
  int draw(float[] logits, RandomGenerator random) {
    double[] shares = shares(logits);
    double left = random.nextDouble();
    int last = 0;
    for (int id = 0; id < shares.length; id++) {
      if (shares[id] > 0) {
        last = id;
        left -= shares[id];
        if (left < 0) {
          return id;
        }
      }
    }
    return last;
  }

  /**
   * The probability of each token to be drawn.
   *
   * @param logits one per token
   */
  double[] shares(float[] logits) {
    double[] scores = new double[logits.length];
    double most = Double.NEGATIVE_INFINITY;
    for (int id = 0; id < logits.length; id++) {
      scores[id] = logits[id] / temperature;
      most = Math.max(most, scores[id]);
    }
    double[] weights = new double[logits.length];
    for (int id = 0; id < logits.length; id++) {
      weights[id] = Math.exp(scores[id] - most);
    }
    double total = Arrays.stream(weights).sum();
    if (topK > 0 && topK < weights.length || topP < 1) {
      double least = least(weights);
      total = 0;
      for (int id = 0; id < weights.length; id++) {
        weights[id] = weights[id] >= least ? weights[id] : 0;
        total += weights[id];
      }
    }
    for (int id = 0; id < weights.length; id++) {
      weights[id] /= total;
    }
    return weights;
  }

  /** The smallest weight that stays; all that are as large stay with it. */
  private double least(double[] weights) {
    double[] ascending = weights.clone();
    Arrays.sort(ascending);
    int first = topK == 0 ? 0 : Math.max(0, ascending.length - topK);
    while (first > 0 && ascending[first - 1] == ascending[first]) {
      first--;
    }
    double total = 0;
    for (int i = first; i < ascending.length; i++) {
      total += ascending[i];
    }
    double reached = 0;
    int least = ascending.length;
    while (least > first && reached < topP * total) {
      least--;
      reached += ascending[least];
    }
    return ascending[least];
  }
}
