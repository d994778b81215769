package io.sluice.lorsa;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.memory.DType;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.io.IOException;

/** Batches of contexts of a store: the input and the output of attention. */
public final class ContextFeed {
  private final Contexts contexts;
  private final String input;
  private final String target;
  private final int inputWidth;
  private final int targetWidth;
  private final int from;
  private final Device device;

  /**
   * A feed.
   *
   * @param input column of the input of attention
   * @param target column of the output of attention
   * @param from the first position that counts
   * @param device where the batches are to be
   * @throws IllegalArgumentException if the store has no such column; the message lists those that
   *     it has
   */
  public ContextFeed(Contexts contexts, String input, String target, int from, Device device) {
    this.contexts = contexts;
    this.input = input;
    this.target = target;
    this.inputWidth = ActivationFeed.activations(contexts.store(), input).width();
    this.targetWidth = ActivationFeed.activations(contexts.store(), target).width();
    this.from = from;
    this.device = device;
  }

  /** The contexts that it reads. */
  public Contexts contexts() {
    return contexts;
  }

  /** Width of the input of attention. */
  public int inputWidth() {
    return inputWidth;
  }

  /** Width of the output of attention. */
  public int targetWidth() {
    return targetWidth;
  }

  /**
   * A batch of these contexts, padded to the longest of them, in the innermost scope.
   *
   * @param inputScale the factor of the input
   * @param targetScale the factor of the target
   * @throws IOException if an activation is not finite; the message names column and row
   */
  public LorsaBatch batch(int[] chosen, double inputScale, double targetScale) throws IOException {
    int[] lengths = new int[chosen.length];
    int longest = 0;
    for (int i = 0; i < chosen.length; i++) {
      lengths[i] = contexts.length(chosen[i]);
      longest = Math.max(longest, lengths[i]);
    }
    return new LorsaBatch(
        read(input, inputWidth, chosen, longest, inputScale),
        read(target, targetWidth, chosen, longest, targetScale),
        lengths,
        from);
  }

  private Tensor read(String column, int width, int[] chosen, int length, double scale)
      throws IOException {
    Tensor host = Tensor.empty(DType.F32, Device.CPU, chosen.length, length, width);
    contexts.read(column, chosen, length, host.data());
    Tensor there = host.to(device);
    return scale == 1 ? there : there.mul_(scale);
  }
}
