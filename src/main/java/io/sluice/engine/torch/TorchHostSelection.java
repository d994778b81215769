package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Selections among dead features and for matching pursuit, whose codes are in host memory. */
final class TorchHostSelection {
  private final EngineSpec spec;
  private final Device device;
  private final EncoderProduct product;
  private final Tensor decoder;
  private final TorchTransfer transfer;
  private final int chunkRows;

  TorchHostSelection(
      EngineSpec spec,
      EncoderProduct product,
      Tensor decoder,
      TorchTransfer transfer,
      int chunkRows) {
    this.spec = spec;
    this.device = transfer.device();
    this.product = product;
    this.decoder = decoder;
    this.transfer = transfer;
    this.chunkRows = chunkRows;
  }

  /**
   * The {@code k} largest of each token among some features.
   *
   * @param features ascending; {@code count} of them
   * @param norms of all decoder rows, where features are scored by them; else null
   */
  void keepAmong(Tensor seen, int[] features, int count, int k, Tensor norms, Codes found) {
    MemorySegment host = transfer.scratch().longs("dead", count);
    for (int i = 0; i < count; i++) {
      host.setAtIndex(ValueLayout.JAVA_LONG, i, features[i]);
    }
    Tensor rows = transfer.onDevice(host, DType.I64, count);
    int tokens = Math.toIntExact(seen.size(0));
    ReductionOperators.Selection best = largestAmong(seen, rows, k, norms);
    Tensor indices = best.indices();
    Tensor values = best.values();
    int chosen = Math.multiplyExact(tokens, k);
    MemorySegment hostIndices = transfer.scratch().longs("indices", chosen);
    MemorySegment hostValues = transfer.scratch().floats("values", chosen);
    indices.copyTo(hostIndices);
    values.copyTo(hostValues);
    found.begin(tokens, chosen);
    int entry = 0;
    for (int row = 0; row < tokens; row++) {
      for (int i = row * k; i < (row + 1) * k; i++) {
        float value = hostValues.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        if (!(value <= 0)) {
          int place = (int) hostIndices.getAtIndex(ValueLayout.JAVA_LONG, i);
          found.set(entry++, features[place], value);
        }
      }
      found.endRow(entry);
    }
  }

  /**
   * The {@code k} largest of each token among some features, on the device: places in {@code
   * features}, int64, and activations, float32, both {@code [n, k]}.
   *
   * @param features int64
   * @param norms of all decoder rows, where features are scored by them; else null
   */
  ReductionOperators.Selection largestAmong(Tensor seen, Tensor features, int k, Tensor norms) {
    EncoderProduct.Some among = product.among(features);
    Tensor factors = norms == null ? null : norms.indexSelect(0, features);
    int tokens = Math.toIntExact(seen.size(0));
    Tensor indices = Tensor.empty(DType.I64, device, tokens, k);
    Tensor values = Tensor.empty(DType.F32, device, tokens, k);
    for (int start = 0; start < tokens; start += chunkRows) {
      int length = Math.min(chunkRows, tokens - start);
      try (TensorScope inner = TensorScope.open()) {
        Tensor activation = among.of(seen.narrow(0, start, length));
        Tensor score = factors == null ? activation : activation.mul(factors);
        ReductionOperators.Selection top = score.topk(k, 1, false);
        indices.narrow(0, start, length).copy_(top.indices());
        values
            .narrow(0, start, length)
            .copy_(factors == null ? top.values() : activation.gather(1, top.indices()));
      }
    }
    return new ReductionOperators.Selection(values, indices);
  }

  /** The feature whose decoder row has the largest product with each vector, or −1. */
  void bestFeatures(float[] vectors, int count, int[] features) {
    int width = spec.outputWidth();
    try (TensorScope scope = TensorScope.open()) {
      Tensor residuals = transfer.onDevice(vectors, count * width).reshape(count, width);
      Tensor none = Tensor.zeros(DType.F32, device, spec.features());
      MemorySegment indices = transfer.scratch().longs("best", 1L * count);
      MemorySegment products = transfer.scratch().floats("best products", 1L * count);
      for (int start = 0; start < count; start += chunkRows) {
        int length = Math.min(chunkRows, count - start);
        try (TensorScope inner = TensorScope.open()) {
          ReductionOperators.Selection top =
              residuals.narrow(0, start, length).linear(decoder, none).topk(1, 1, false);
          top.indices().copyTo(indices.asSlice(8L * start, 8L * length));
          top.values().copyTo(products.asSlice(4L * start, 4L * length));
        }
      }
      for (int row = 0; row < count; row++) {
        boolean positive = products.getAtIndex(ValueLayout.JAVA_FLOAT, row) > 0;
        features[row] = positive ? (int) indices.getAtIndex(ValueLayout.JAVA_LONG, row) : -1;
      }
    }
  }
}
