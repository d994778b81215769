package io.sluice.model.capture;

import io.sluice.model.LanguageModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.tokens.SpecialTokens;
import io.sluice.text.TextForm;
import io.sluice.text.TextSpec;
import java.nio.file.Path;
import java.util.List;

/**
 * How texts are cut into contexts.
 *
 * @param texts what to read; contexts never span two documents. Special tokens are put around
 *     contexts of text, but not around those of token ids, which are run as they are
 * @param context tokens per context, special tokens included
 * @param stride tokens from the beginning of one context to that of the next; 0 for as many as a
 *     context has room for, so that contexts do not overlap. Where they do, a token counts in the
 *     first context that has it; in later ones the model sees it, but it does not count
 * @param batch contexts that run together
 * @param tokens where to stop, in tokens of text; {@code Long.MAX_VALUE} for the whole text
 */
public record ContextSpec(TextSpec texts, int context, int stride, int batch, long tokens) {
  /** Contexts of this length suit encoders that were trained on sentences and paragraphs. */
  public static final int ENCODER_CONTEXT = 128;

  /** Contexts of this length let a causal model see enough to predict well. */
  public static final int CAUSAL_CONTEXT = 256;

  /**
   * Tokens that run together on a CPU: products are at full speed, and what lies between them, an
   * element at a time, still finds its operands in the caches.
   */
  public static final int CPU_BATCH_TOKENS = 1024;

  /** Tokens that run together on a GPU. */
  public static final int GPU_BATCH_TOKENS = 16384;

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if a number is not positive, or the stride negative
   */
  public ContextSpec {
    requirePositive("context", context);
    requirePositive("batch", batch);
    requirePositive("tokens", tokens);
    if (stride < 0) {
      throw new IllegalArgumentException("stride must not be negative, as " + stride + " is");
    }
  }

  /** The same for files, folders and patterns, as {@link TextSpec#of} has them. */
  public ContextSpec(List<Path> texts, int context, int stride, int batch, long tokens) {
    this(TextSpec.of(texts), context, stride, batch, tokens);
  }

  /** All of the texts, in contexts that suit the model. */
  public static ContextSpec of(List<Path> texts, LoadedModel model) {
    return of(TextSpec.of(texts), model, null, null, null, null);
  }

  /**
   * Contexts in which what is null suits the model.
   *
   * @param context null for the length that suits it
   * @param stride null for contexts that do not overlap
   * @param batch null for as many as run well where the model runs
   * @param tokens null for all of the texts
   * @throws IllegalArgumentException as the constructor
   */
  public static ContextSpec of(
      TextSpec texts,
      LoadedModel model,
      Integer context,
      Integer stride,
      Integer batch,
      Long tokens) {
    int length = context == null ? defaultContext(model) : context;
    return new ContextSpec(
        texts,
        length,
        stride == null ? 0 : stride,
        batch == null ? defaultBatch(length, model) : batch,
        tokens == null ? Long.MAX_VALUE : tokens);
  }

  /** The length of contexts that suits a model. */
  public static int defaultContext(LoadedModel model) {
    int usual = model.transformer() instanceof LanguageModel ? CAUSAL_CONTEXT : ENCODER_CONTEXT;
    return Math.min(usual, model.transformer().shape().maxContext());
  }

  /** How many contexts of a length run together where the model runs. */
  public static int defaultBatch(int context, LoadedModel model) {
    boolean gpu = model.transformer().device().isCuda();
    return Math.max(1, (gpu ? GPU_BATCH_TOKENS : CPU_BATCH_TOKENS) / context);
  }

  /**
   * Checks the length of contexts against a model, which need not be run for it.
   *
   * @throws IllegalArgumentException if it is longer than the model takes, or leaves no room for
   *     text beside the special tokens
   */
  public void requireFits(LoadedModel model) {
    int longest = model.transformer().shape().maxContext();
    if (context > longest) {
      throw new IllegalArgumentException(
          "a context of %d tokens; %s takes at most %d".formatted(context, model.name(), longest));
    }
    int special = specialTokens(model).count();
    if (context <= special) {
      throw new IllegalArgumentException(
          "a context of %d tokens leaves no room for text beside %d special tokens; give at least %d"
              .formatted(context, special, special + 1));
    }
  }

  /** The special tokens that a model wants around each of these contexts. */
  public SpecialTokens specialTokens(LoadedModel model) {
    return texts.form() == TextForm.TEXT
        ? SpecialTokens.of(model.tokenizer())
        : new SpecialTokens(new int[0], new int[0]);
  }

  static void requirePositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, not " + value);
    }
  }
}
