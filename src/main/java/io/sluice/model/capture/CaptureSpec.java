package io.sluice.model.capture;

import io.sluice.memory.DType;
import io.sluice.model.HookPoint;
import io.sluice.store.TokenExclusion;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;

/**
 * What to capture.
 *
 * @param contexts the texts and how they are cut
 * @param hooks the hook points, ordered by layer and kind
 * @param dtype of the stored activations: {@code F32}, {@code F16} or {@code BF16}
 * @param specialTokens whether rows of special tokens ({@code [CLS]}, {@code [SEP]}, a
 *     beginning-of-text token, …) are stored. By default they are not: the same few ids come once
 *     per context, so how many rows they make depends on the chosen length and not on the text, and
 *     their activations are outliers that distort means and spectra. The model sees them either way
 * @param exclusion tokens that whatever reads the store leaves out; their rows are stored
 */
public record CaptureSpec(
    ContextSpec contexts,
    List<HookPoint> hooks,
    DType dtype,
    boolean specialTokens,
    TokenExclusion exclusion) {
  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if there is no hook, the dtype is not one of the three, or
   *     special tokens are to be stored of contexts that overlap
   */
  public CaptureSpec {
    hooks = List.copyOf(new TreeSet<>(hooks));
    if (hooks.isEmpty()) {
      throw new IllegalArgumentException("no hook point to capture");
    }
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(
          "activations are stored as float32, float16 or bfloat16, not " + dtype.label());
    }
    if (specialTokens && contexts.stride() != 0) {
      throw new IllegalArgumentException(
          "special tokens cannot be stored of contexts with a stride of " + contexts.stride());
    }
  }

  /**
   * All of the texts as float32, in contexts of {@value ContextSpec#ENCODER_CONTEXT} tokens; {@link
   * ContextSpec#of} has lengths that suit a model.
   */
  public static CaptureSpec of(List<Path> texts, List<HookPoint> hooks) {
    int context = ContextSpec.ENCODER_CONTEXT;
    return of(
        new ContextSpec(texts, context, 0, ContextSpec.CPU_BATCH_TOKENS / context, Long.MAX_VALUE),
        hooks);
  }

  /** All tokens of these contexts as float32. */
  public static CaptureSpec of(ContextSpec contexts, List<HookPoint> hooks) {
    return new CaptureSpec(contexts, hooks, DType.F32, false, TokenExclusion.NONE);
  }

  /** The same, stopped after so many tokens of text. */
  public CaptureSpec withTokens(long limit) {
    return with(
        new ContextSpec(
            contexts.texts(), contexts.context(), contexts.stride(), contexts.batch(), limit));
  }

  /** The same with other contexts, which do not overlap. */
  public CaptureSpec withContexts(int length, int perBatch) {
    return with(new ContextSpec(contexts.texts(), length, 0, perBatch, contexts.tokens()));
  }

  private CaptureSpec with(ContextSpec other) {
    return new CaptureSpec(other, hooks, dtype, specialTokens, exclusion);
  }

  /** The same, stored as another type. */
  public CaptureSpec withDtype(DType type) {
    return new CaptureSpec(contexts, hooks, type, specialTokens, exclusion);
  }

  /** The same, with or without rows of special tokens. */
  public CaptureSpec withSpecialTokens(boolean store) {
    return new CaptureSpec(contexts, hooks, dtype, store, exclusion);
  }

  /** The same, of which whatever reads the store leaves some tokens out. */
  public CaptureSpec withExclusion(TokenExclusion rule) {
    return new CaptureSpec(contexts, hooks, dtype, specialTokens, rule);
  }
}
