package io.sluice.lorsa.engine;

import io.sluice.memory.DType;
import io.sluice.torch.Tensor;

/**
 * Contexts that run together, padded on the right. The tensors belong to the caller.
 *
 * @param input what attention reads, float32 {@code [contexts, length, inputWidth]}; finite at
 *     padding, too
 * @param target what it writes, float32 {@code [contexts, length, outputWidth]}; null where nothing
 *     is compared
 * @param lengths tokens of each context, from 1 to {@code length}
 * @param from the first position that is trained on and measured; earlier ones are only read
 */
public record LorsaBatch(Tensor input, Tensor target, int[] lengths, int from) {
  /**
   * Checks the parts against each other.
   *
   * @throws IllegalArgumentException if they do not fit
   */
  public LorsaBatch {
    if (input.rank() != 3 || input.dtype() != DType.F32 || input.size(0) != lengths.length) {
      throw new IllegalArgumentException(
          "input must be float32 [" + lengths.length + ", length, width], not " + input);
    }
    if (target != null
        && (target.rank() != 3
            || target.dtype() != DType.F32
            || target.size(0) != input.size(0)
            || target.size(1) != input.size(1))) {
      throw new IllegalArgumentException("target is " + target + ", the input " + input);
    }
    for (int length : lengths) {
      if (length < 1 || length > input.size(1)) {
        throw new IllegalArgumentException(
            "a context of " + length + " tokens in a batch of length " + input.size(1));
      }
    }
    if (from < 0) {
      throw new IllegalArgumentException("the first position that counts is " + from);
    }
  }

  /** Number of contexts. */
  public int contexts() {
    return lengths.length;
  }

  /** Tokens to which all contexts are padded. */
  public int length() {
    return Math.toIntExact(input.size(1));
  }

  /** How many tokens count. */
  public long tokens() {
    long count = 0;
    for (int length : lengths) {
      count += Math.max(0, length - from);
    }
    return count;
  }

  /** Contexts {@code first} up to {@code first + count}, in the innermost scope. */
  LorsaBatch narrow(int first, int count) {
    int[] part = new int[count];
    System.arraycopy(lengths, first, part, 0, count);
    return new LorsaBatch(
        input.narrow(0, first, count),
        target == null ? null : target.narrow(0, first, count),
        part,
        from);
  }

  /** {@code [contexts · length, 1]} row-major: 1 at tokens that count, else 0. */
  float[] counted() {
    float[] mask = new float[contexts() * length()];
    for (int i = 0; i < lengths.length; i++) {
      for (int position = from; position < lengths[i]; position++) {
        mask[i * length() + position] = 1;
      }
    }
    return mask;
  }
}
