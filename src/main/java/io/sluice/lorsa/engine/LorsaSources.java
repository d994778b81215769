package io.sluice.lorsa.engine;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/**
 * Splits activations of a Lorsa by source position: {@code z_h(t) = b_V^h + Σ_s A_g(h)(t, s) ·
 * ⟨w_V^h, x_s⟩}, since the attention weights of a query add up to 1. Only the groups that are asked
 * for are computed. Used by one thread at a time.
 */
public final class LorsaSources implements AutoCloseable {
  private final LorsaSpec spec;
  private final Device device;
  private final TensorScope kept = TensorScope.detached();
  private final Map<LorsaTensor, Tensor> weights = new EnumMap<>(LorsaTensor.class);
  private final RotaryPositions rotary;
  private final Masks masks;

  /**
   * Copies the weights of queries, keys and values to a device.
   *
   * @throws io.sluice.torch.TorchException if there is no LibTorch, or no such device
   */
  public LorsaSources(LorsaWeights from, Device device) {
    this.spec = from.spec();
    this.device = device;
    this.rotary = new RotaryPositions(spec.rotaryFrequencies(), device, kept);
    this.masks = new Masks(spec, device, kept);
    try (TensorScope scope = TensorScope.open()) {
      for (LorsaTensor tensor :
          new LorsaTensor[] {
            LorsaTensor.QUERY,
            LorsaTensor.QUERY_BIAS,
            LorsaTensor.KEY,
            LorsaTensor.KEY_BIAS,
            LorsaTensor.VALUE
          }) {
        Tensor weight = Tensor.empty(DType.F32, device, tensor.shape(spec)).moveTo(kept);
        weight.copyFrom(from.get(tensor));
        weights.put(tensor, weight);
      }
    }
  }

  /**
   * What each source position gives to some activations in one context, without {@code b_V}.
   *
   * @param input what attention reads, float32 {@code [length, inputWidth]}, on the device
   * @param heads the head of each activation
   * @param positions where each is
   * @return {@code [n, length]}, in the innermost scope; 0 where a head does not attend
   */
  public Tensor contributions(Tensor input, int[] heads, int[] positions) {
    long n = heads.length;
    long length = input.size(0);
    int[] groups = Arrays.stream(heads).map(head -> head / spec.headsPerGroup()).toArray();
    int[] distinct = Arrays.stream(groups).distinct().sorted().toArray();
    int[] places = Arrays.stream(groups).map(g -> Arrays.binarySearch(distinct, g)).toArray();
    Tensor chosen = indices(distinct);
    Tensor where = indices(positions);
    Tensor place = indices(places);
    // [groups, length, headDim], of which each activation takes its group's keys and one query.
    Tensor queries = rotated(LorsaTensor.QUERY, LorsaTensor.QUERY_BIAS, input, chosen);
    Tensor keys = rotated(LorsaTensor.KEY, LorsaTensor.KEY_BIAS, input, chosen);
    int[] flat = new int[heads.length];
    for (int i = 0; i < flat.length; i++) {
      flat[i] = Math.toIntExact(places[i] * length + positions[i]);
    }
    Tensor query =
        queries
            .reshape(distinct.length * length, spec.headDim())
            .indexSelect(0, indices(flat))
            .reshape(1, n, 1, spec.headDim());
    Tensor key = keys.indexSelect(0, place).unsqueeze(0);
    LorsaBatch alone = new LorsaBatch(input.unsqueeze(0), null, new int[] {(int) length}, 0);
    Tensor mask = masks.of(alone);
    Tensor rows = spec.causal() ? mask.indexSelect(0, where).reshape(1, n, 1, length) : mask;
    Tensor pattern = AttentionPattern.of(spec, query, key, rows).weights().reshape(n, length);
    Tensor values =
        weights.get(LorsaTensor.VALUE).indexSelect(0, indices(heads)).mm(input.transpose(0, 1));
    return pattern.mul(values);
  }

  private Tensor indices(int[] values) {
    return Tensor.ofInts(values, values.length).to(device);
  }

  /** Queries or keys of some groups, {@code [groups, length, headDim]}. */
  private Tensor rotated(LorsaTensor weight, LorsaTensor bias, Tensor input, Tensor groups) {
    long count = groups.size(0);
    int headDim = spec.headDim();
    Tensor rows =
        weights
            .get(weight)
            .reshape(spec.groups(), headDim, spec.inputWidth())
            .indexSelect(0, groups)
            .reshape(count * headDim, spec.inputWidth());
    Tensor added =
        weights.get(bias).reshape(spec.groups(), headDim).indexSelect(0, groups).reshape(-1);
    return rotary
        .rotate(input.linear(rows, added).reshape(1, input.size(0), count, headDim))
        .select(0, 0)
        .transpose(0, 1)
        .contiguous();
  }

  @Override
  public void close() {
    kept.close();
  }
}
