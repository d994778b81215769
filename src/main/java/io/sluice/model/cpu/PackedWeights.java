package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.model.LayerAttention;
import io.sluice.model.Transformer;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Recovers weight matrices from layers that keep them packed or split. */
public final class PackedWeights {
  private final List<CpuLayer> layers;
  private final Arena arena;
  private final TensorScope owner;
  private final Tensor[] outputProjections;

  PackedWeights(List<CpuLayer> layers, Arena arena, TensorScope owner) {
    this.layers = layers;
    this.arena = arena;
    this.owner = owner;
    this.outputProjections = new Tensor[layers.size()];
  }

  /** {@code W_O} of a layer; the memory belongs to the layers. */
  public Tensor outputProjection(int layer) {
    if (outputProjections[layer] == null) {
      LayerMatrix.Repacked matrix = packed(layers.get(layer).output());
      MemorySegment plain = arena.allocate((long) matrix.out() * matrix.in() * Float.BYTES, 64);
      matrix.get(0, matrix.out(), plain);
      try (TensorScope scope = TensorScope.open()) {
        outputProjections[layer] =
            Tensor.of(plain, DType.F32, matrix.out(), matrix.in()).moveTo(owner);
      }
    }
    return outputProjections[layer];
  }

  /** Queries of a layer, for {@link Transformer#attention}. */
  public LayerAttention.Projection queries(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.heads(), heads.queryAt(), heads.queryStep());
  }

  /** Keys of a layer, for {@link Transformer#attention}. */
  public LayerAttention.Projection keys(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.keyValueHeads(), heads.keyAt(), heads.keyStep());
  }

  /** Values of a layer, for {@link Transformer#attention}. */
  public LayerAttention.Projection values(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.keyValueHeads(), heads.valueAt(), heads.valueStep());
  }

  /** The output of a layer's attention, for {@link Transformer#attention}. */
  public LayerAttention.Projection output(int layer) {
    LayerMatrix.Repacked matrix = packed(layers.get(layer).output());
    return projection(matrix, 1, matrix.out(), 0, 0);
  }

  private LayerAttention.Projection projection(int layer, int heads, int at, int step) {
    CpuLayer whole = layers.get(layer);
    return projection(packed(whole.queriesKeysValues()), heads, whole.heads().headDim(), at, step);
  }

  private static LayerMatrix.Repacked packed(LayerMatrix matrix) {
    return (LayerMatrix.Repacked) matrix;
  }

  /** Some rows of a matrix, in blocks, as tensors of the innermost scope. */
  private static LayerAttention.Projection projection(
      LayerMatrix.Repacked matrix, int blocks, int rows, int at, int step) {
    Tensor weight = Tensor.empty(DType.F32, Device.CPU, (long) blocks * rows, matrix.in());
    float[] bias = new float[blocks * rows];
    long bytes = (long) rows * matrix.in() * Float.BYTES;
    for (int block = 0; block < blocks; block++) {
      int first = at + block * step;
      matrix.get(first, rows, weight.data().asSlice(block * bytes, bytes));
      System.arraycopy(matrix.bias(first, rows), 0, bias, block * rows, rows);
    }
    return new LayerAttention.Projection(weight, Tensor.ofFloats(bias, bias.length));
  }
}
