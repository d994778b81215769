package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.torch.transfer.HostScratch;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;

/** What the calls for one batch leave on the device for one another. */
final class TorchBatch implements AutoCloseable {
  private final EngineSpec spec;
  private final Tensor decoderBias;
  private final TorchTransfer transfer;
  private final DeviceIntegers numbers;

  /** Frees all that belongs to the batch. */
  private TensorScope scope = TensorScope.detached();

  /** The tokens, {@code [n, inputWidth]}, and as the encoder sees them. */
  Tensor input;

  Tensor seen;

  /** {@code [n, outputWidth]}. */
  Tensor reconstruction;

  /** {@code [bags, outputWidth]}. */
  Tensor residualGradient;

  /** By entry of {@link #decoded}. */
  Tensor codeGradient;

  /** Once {@code accumulate} has formed them. */
  TorchAdam.Gradients formed;

  /** The batch's codes, if they were found here. */
  Kept found;

  /** Entries that are decoded in place of the codes; null for the codes. */
  TorchCodes opened;

  /** What was decoded; after {@code decodeDead} the second batch too. */
  TorchCodes decoded;

  /** How many of its entries are the batch's own. */
  int ownEntries;

  /** What is learned besides rows and biases; null if nothing is. */
  TorchLearned learned;

  /** What a penalty adds to the gradients of decoder rows, by entry, float64; null without one. */
  Tensor penalties;

  /** The picks of matching pursuit; null after other selections. */
  TorchPursuit.Picks picks;

  private TorchGroups groups;

  TorchBatch(EngineSpec spec, Tensor decoderBias, TorchTransfer transfer, DeviceIntegers numbers) {
    this.spec = spec;
    this.decoderBias = decoderBias;
    this.transfer = transfer;
    this.numbers = numbers;
  }

  /** Forgets the last batch and loads the next. */
  void start(Rows rows) {
    scope.close();
    scope = TensorScope.detached();
    reconstruction = null;
    residualGradient = null;
    codeGradient = null;
    formed = null;
    found = null;
    opened = null;
    decoded = null;
    ownEntries = 0;
    learned = null;
    penalties = null;
    picks = null;
    groups = null;
    input = keep(transfer.load("input", rows));
    seen = spec.subtractDecoderBias() ? keep(input.sub(decoderBias)) : input;
  }

  /** The same tensor, which is freed with the batch. */
  Tensor keep(Tensor tensor) {
    return tensor.moveTo(scope);
  }

  TorchCodes keep(TorchCodes codes) {
    return codes.moveTo(scope);
  }

  TorchPursuit.Picks keep(TorchPursuit.Picks all) {
    return all.moveTo(scope);
  }

  TorchAdam.Gradients keep(TorchAdam.Gradients gradients) {
    return gradients.moveTo(scope);
  }

  /**
   * Keeps the codes of the batch.
   *
   * @param least the lowest score of a {@code BatchTopK}, float32 of one element; null for 0
   */
  DeviceCodes keepCodes(TorchCodes codes, Tensor least) {
    found = new Kept(keep(codes), least == null ? null : keep(least), transfer.scratch());
    return found;
  }

  /**
   * The sums of terms of each feature of what was decoded, which has entries.
   *
   * @param terms by entry, float64
   * @return float64 {@code [features]}
   */
  Tensor sumsOf(Tensor terms, int features) {
    return TorchGroups.sums(
        decoded.features(), terms, features, numbers.upTo(decoded.entries() + 1L));
  }

  /** What was decoded, grouped by feature; it has entries. */
  TorchGroups groups() {
    if (groups == null) {
      groups = TorchGroups.of(decoded, numbers.upTo(decoded.entries() + 1L)).moveTo(scope);
    }
    return groups;
  }

  @Override
  public void close() {
    scope.close();
  }

  /**
   * Codes that stay on the device.
   *
   * @param least as in {@link #keepCodes}
   */
  record Kept(TorchCodes codes, Tensor least, HostScratch scratch) implements DeviceCodes {
    @Override
    public int entries() {
      return codes.entries();
    }

    @Override
    public void copyTo(Codes target) {
      codes.copyTo(target, scratch);
      target.setLeastScore(leastScore());
    }

    @Override
    public float leastScore() {
      return least == null ? 0 : (float) least.item();
    }

    /** The least score on the device, float32 of one element. */
    Tensor least(Device device) {
      return least == null ? Tensor.zeros(DType.F32, device, 1) : least;
    }
  }
}
