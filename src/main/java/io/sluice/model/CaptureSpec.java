package io.sluice.model;

import io.sluice.torch.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;

/**
 * What to capture.
 *
 * @param texts UTF-8 files, each one document; contexts never span two
 * @param hooks the hook points, ordered by layer and kind
 * @param context tokens per context, special tokens included
 * @param batch contexts that run together
 * @param tokens where to stop, in tokens of text; {@code Long.MAX_VALUE} for the whole text
 * @param dtype of the stored activations: {@code F32}, {@code F16} or {@code BF16}
 * @param specialTokens whether rows of special tokens ({@code [CLS]}, {@code [SEP]}, …) are stored.
 *     By default they are not: the same few ids come once per context, so how many rows they make
 *     depends on the chosen length and not on the text, and their activations are outliers that
 *     distort means and spectra. The model sees them either way
 */
public record CaptureSpec(
    List<Path> texts,
    List<HookPoint> hooks,
    int context,
    int batch,
    long tokens,
    DType dtype,
    boolean specialTokens) {
  /** Contexts of this length suit encoders that were trained on sentences and paragraphs. */
  public static final int DEFAULT_CONTEXT = 128;

  /** Enough tokens at a time that LibTorch's threads are busy, in some 200 MiB of activations. */
  public static final int DEFAULT_BATCH = 32;

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if there is no text or hook, a number is not positive, or the
   *     dtype is not one of the three
   */
  public CaptureSpec {
    texts = List.copyOf(texts);
    hooks = List.copyOf(new TreeSet<>(hooks));
    if (texts.isEmpty()) {
      throw new IllegalArgumentException("no text to capture from");
    }
    if (hooks.isEmpty()) {
      throw new IllegalArgumentException("no hook point to capture");
    }
    requirePositive("context", context);
    requirePositive("batch", batch);
    requirePositive("tokens", tokens);
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(
          "activations are stored as float32, float16 or bfloat16, not " + dtype.label());
    }
  }

  /** All of the texts as float32, with the default context and batch. */
  public static CaptureSpec of(List<Path> texts, List<HookPoint> hooks) {
    return new CaptureSpec(
        texts, hooks, DEFAULT_CONTEXT, DEFAULT_BATCH, Long.MAX_VALUE, DType.F32, false);
  }

  /** The same, stopped after so many tokens of text. */
  public CaptureSpec withTokens(long limit) {
    return new CaptureSpec(texts, hooks, context, batch, limit, dtype, specialTokens);
  }

  /** The same with other contexts. */
  public CaptureSpec withContexts(int length, int perBatch) {
    return new CaptureSpec(texts, hooks, length, perBatch, tokens, dtype, specialTokens);
  }

  /** The same, stored as another type. */
  public CaptureSpec withDtype(DType type) {
    return new CaptureSpec(texts, hooks, context, batch, tokens, type, specialTokens);
  }

  /** The same, with or without rows of special tokens. */
  public CaptureSpec withSpecialTokens(boolean store) {
    return new CaptureSpec(texts, hooks, context, batch, tokens, dtype, store);
  }

  private static void requirePositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, not " + value);
    }
  }
}
