package io.sluice.model;

import io.sluice.simd.AttentionHeads;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.PackedMatrix;
import io.sluice.simd.RotaryAngles;
import io.sluice.simd.RowAttention;
import io.sluice.simd.RowLogLoss;
import io.sluice.simd.RowNorm;
import io.sluice.simd.RowProduct;
import io.sluice.simd.Workers;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * A model's layers on the CPU, in float32, by this library's own vector kernels: products with
 * weights that were packed once, attention, norms and activation functions, with everything between
 * in memory that all layers and batches share. Tensors are made only where there is a hook.
 */
final class VectorLayers implements AutoCloseable {
  /** The system property that overrules the choice: {@code vector} or {@code libtorch}. */
  static final String PROPERTY = "sluice.layers";

  private static final Workers WORKERS = Workers.allCores();

  private final Arena arena;
  private final TensorScope owner = TensorScope.detached();
  private final List<VectorLayer> layers;
  private final RowProduct product = new RowProduct(WORKERS);
  private final RowAttention attention = new RowAttention(WORKERS);
  private final RowLogLoss logLoss = new RowLogLoss(WORKERS);
  private final Tensor[] outputProjections;
  private final Buffer stream = new Buffer();
  private final Buffer normed = new Buffer();
  private final Buffer joined = new Buffer();
  private final Buffer z = new Buffer();
  private final Buffer attnOut = new Buffer();
  private final Buffer middle = new Buffer();
  private final Buffer inner = new Buffer();
  private final Buffer mlpOut = new Buffer();

  /**
   * @param layers with weights in {@code arena}
   * @param arena freed by {@link #close()}
   */
  private VectorLayers(List<VectorLayer> layers, Arena arena) {
    this.layers = List.copyOf(layers);
    this.arena = arena;
    this.outputProjections = new Tensor[layers.size()];
  }

  /**
   * Packs the weights of a causal model's layers and closes its own, one layer after the other, so
   * that there is never more than one layer twice.
   */
  static VectorLayers of(List<CausalLayer> layers) {
    return pack(arena -> layers.stream().map(layer -> VectorLayer.of(layer, arena)).toList());
  }

  /** As {@link #of}, for an encoder's layers. */
  static VectorLayers ofEncoder(List<BertLayer> layers) {
    return pack(arena -> layers.stream().map(layer -> layer.packed(arena)).toList());
  }

  private static VectorLayers pack(Function<Arena, List<VectorLayer>> packing) {
    Arena arena = Arena.ofShared();
    try (TensorScope scope = TensorScope.open()) {
      return new VectorLayers(packing.apply(arena), arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Whether layers of this kind run here: by default where vectors have 512 bits, with which the
   * kernels were measured to be faster than LibTorch, unless that multiplies with MKL.
   *
   * @param headDim width of the attention's heads
   */
  static boolean wanted(Device device, DType dtype, int headDim) {
    boolean possible =
        !device.isCuda() && dtype == DType.F32 && headDim <= AttentionHeads.MOST_HEAD_DIM;
    String asked = System.getProperty(PROPERTY, "auto");
    return switch (asked) {
      case "auto" -> possible && KernelProvider.vectorBits() == 512 && !Torch.info().mkl();
      case "vector" -> possible;
      case "libtorch" -> false;
      default ->
          throw new IllegalArgumentException(
              "-D" + PROPERTY + "=" + asked + " is not one of auto, libtorch, vector");
    };
  }

  /** Memory that grows to what was needed most so far. */
  private static final class Buffer {
    private MemorySegment memory = MemorySegment.NULL;

    MemorySegment of(long rows, int width) {
      long bytes = rows * width * Float.BYTES;
      if (memory.byteSize() < bytes) {
        memory = MemorySegment.NULL;
        memory = Arena.ofAuto().allocate(bytes, 64);
      }
      return memory.asSlice(0, bytes);
    }
  }

  /**
   * One batch on its way through the layers.
   *
   * @param rows which rows are whose
   * @param angles of the positions; null if none are turned
   * @param hooks what to do at hook points
   * @param cache what came before, which the pass adds to; null where nothing did
   */
  record Pass(RowAttention.Batch rows, RotaryAngles angles, Hooks hooks, KeyValueCache cache) {
    /** All positions of causal contexts: no token sees the padding to its right. */
    static Pass causal(int size, int length, RotaryAngles angles, Hooks hooks) {
      int[] lengths = new int[size];
      Arrays.fill(lengths, length);
      return new Pass(RowAttention.Batch.of(length, lengths), angles, hooks, null);
    }

    /** Tokens that follow those of a text that have run. */
    static Pass continuing(KeyValueCache cache, int length, RotaryAngles angles, Hooks hooks) {
      int end = cache.length() + length;
      int[] lengths = {end};
      RowAttention.Batch rows = new RowAttention.Batch(1, end, cache.length(), end, lengths);
      return new Pass(rows, angles, hooks, cache);
    }

    /** All positions of a batch whose padding is hidden. */
    static Pass bidirectional(TokenBatch batch, Hooks hooks) {
      int[] lengths = new int[batch.size()];
      for (int i = 0; i < lengths.length; i++) {
        lengths[i] = batch.length(i);
      }
      return new Pass(RowAttention.Batch.of(batch.length(), lengths), null, hooks, null);
    }

    int count() {
      return rows.contexts() * rows.queries();
    }
  }

  /**
   * Runs layers {@code from} to {@code to} (exclusive).
   *
   * @param start the residual stream before them, {@code [size, length, dModel]}
   * @return the residual stream after them, in the innermost scope; null if the pass ends earlier
   */
  synchronized Tensor run(int from, int to, Tensor start, Pass pass) {
    int width = (int) start.size(2);
    MemorySegment x = stream.of(pass.count(), width);
    start.contiguous().copyTo(x);
    for (VectorLayer layer : layers.subList(from, to)) {
      // One scope per layer: what its hooks make is freed before the next begins.
      try (TensorScope scope = TensorScope.open()) {
        if (!run(layer, x, width, pass)) {
          return null;
        }
      }
    }
    Tensor result = Tensor.empty(DType.F32, Device.CPU, start.shape());
    result.copyFrom(x);
    return result;
  }

  /** Replaces {@code x} by the stream after the layer; false if the pass ends in it. */
  private boolean run(VectorLayer layer, MemorySegment x, int width, Pass pass) {
    int count = pass.count();
    MemorySegment wide = normed.of(count, width);
    MemorySegment read = normalised(layer.beforeAttention(), x, count, wide);
    HookPoint reading = new HookPoint(layer.index(), HookKind.ATTN_IN);
    if (pass.hooks().isAt(reading)) {
      // A copy of its own: what a hook puts in its place does not change the residual stream.
      Spot readSpot = spot(pass, layer, HookKind.ATTN_IN, normed, width);
      readSpot.memory().copyFrom(read);
      read = readSpot.hooked();
      if (pass.hooks().endBefore(layer.index(), HookKind.Z)) {
        return false;
      }
    }
    Spot zSpot = spot(pass, layer, HookKind.Z, z, layer.heads().outputWidth());
    MemorySegment all = queriesKeysValues(layer, read, pass);
    attention.run(layer.heads(), pass.angles(), pass.rows(), all, zSpot.memory());
    MemorySegment mixed = zSpot.hooked();
    if (pass.hooks().endBefore(layer.index(), HookKind.ATTN_OUT)) {
      return false;
    }
    Spot attnSpot = spot(pass, layer, HookKind.ATTN_OUT, attnOut, width);
    product.multiply(layer.output(), mixed, count, attnSpot.memory());
    MemorySegment added = attnSpot.hooked();
    if (pass.hooks().endBefore(layer.index(), HookKind.MLP_OUT)) {
      return false;
    }
    MemorySegment between = middle.of(count, width);
    MemorySegment usual = normalised(layer.afterAttention(), added, count, wide);
    RowNorm.add(x, usual, between, (long) count * width, WORKERS);
    normalised(layer.afterSum(), between, count, between);
    Spot mlpSpot = spot(pass, layer, HookKind.MLP_OUT, mlpOut, width);
    mlp(layer, layer.parallel() ? x : between, width, count, mlpSpot.memory());
    MemorySegment more = mlpSpot.hooked();
    if (pass.hooks().endBefore(layer.index(), HookKind.RESID)) {
      return false;
    }
    Spot residSpot = spot(pass, layer, HookKind.RESID, stream, width);
    MemorySegment after = residSpot.memory();
    MemorySegment last = normalised(layer.afterMlp(), more, count, wide);
    RowNorm.add(between, last, after, (long) count * width, WORKERS);
    normalised(layer.afterLastSum(), after, count, after);
    MemorySegment resid = residSpot.hooked();
    if (resid.address() != x.address()) {
      x.copyFrom(resid);
    }
    return !pass.hooks().endBefore(layer.index() + 1, HookKind.ATTN_IN);
  }

  /** Queries, keys and values of a pass, behind those that came before. */
  private MemorySegment queriesKeysValues(VectorLayer layer, MemorySegment read, Pass pass) {
    PackedMatrix matrix = layer.queriesKeysValues();
    if (pass.cache() == null) {
      MemorySegment all = joined.of(pass.count(), matrix.out());
      product.multiply(matrix, read, pass.count(), all);
      return all;
    }
    MemorySegment all = pass.cache().rows(layer.index(), matrix.out(), pass.rows().length());
    long before = (long) pass.rows().first() * matrix.out() * Float.BYTES;
    product.multiply(matrix, read, pass.count(), all.asSlice(before));
    return all;
  }

  private void mlp(VectorLayer layer, MemorySegment x, int width, int count, MemorySegment out) {
    MemorySegment read = normalised(layer.beforeMlp(), x, count, normed.of(count, width));
    MemorySegment inside = inner.of(count, layer.up().out());
    if (layer.gate() == null) {
      product.multiply(layer.up(), layer.activation(), read, count, inside);
    } else {
      product.multiplyGated(layer.gate(), layer.activation(), layer.up(), read, count, inside);
    }
    product.multiply(layer.down(), inside, count, out);
  }

  /** {@code x} if there is no norm, else {@code out}. */
  private static MemorySegment normalised(
      RowNorm norm, MemorySegment x, int count, MemorySegment out) {
    if (norm == null) {
      return x;
    }
    norm.apply(x, count, out, WORKERS);
    return out;
  }

  /**
   * The loss of predicting tokens.
   *
   * @param rows {@code [n, dModel]}, what each is predicted from
   * @param head {@code [vocabulary, dModel]}
   * @param cap on logits; 0 for none
   * @param ids of the tokens, {@code [n]}
   */
  synchronized TokenLoss loss(Tensor rows, Tensor head, float cap, long[] ids) {
    Tensor weights = head.contiguous();
    RowLogLoss.Head classes =
        new RowLogLoss.Head(weights.data(), (int) head.size(0), (int) head.size(1), cap);
    int[] targets = Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    double[] losses = logLoss.losses(classes, rows.contiguous().data(), targets);
    return new TokenLoss(Arrays.stream(losses).sum(), ids.length);
  }

  /** Where the activation of a hook point is written: a tensor of its own if there is a hook. */
  private record Spot(HookPoint point, Hooks hooks, Tensor tensor, MemorySegment memory) {
    /** The activation after its hooks. */
    MemorySegment hooked() {
      return tensor == null
          ? memory
          : hooks.at(point.layer(), point.kind(), tensor).contiguous().data();
    }
  }

  private static Spot spot(Pass pass, VectorLayer layer, HookKind kind, Buffer buffer, int width) {
    HookPoint point = new HookPoint(layer.index(), kind);
    if (!pass.hooks().isAt(point)) {
      return new Spot(point, null, null, buffer.of(pass.count(), width));
    }
    RowAttention.Batch rows = pass.rows();
    Tensor tensor = Tensor.empty(DType.F32, Device.CPU, rows.contexts(), rows.queries(), width);
    return new Spot(point, pass.hooks(), tensor, tensor.data());
  }

  /** {@code W_O} of a layer, which stays these layers'. */
  Tensor outputProjection(int layer) {
    if (outputProjections[layer] == null) {
      PackedMatrix packed = layers.get(layer).output();
      MemorySegment plain = arena.allocate((long) packed.out() * packed.in() * Float.BYTES, 64);
      packed.get(0, packed.out(), plain);
      try (TensorScope scope = TensorScope.open()) {
        outputProjections[layer] =
            Tensor.of(plain, DType.F32, packed.out(), packed.in()).moveTo(owner);
      }
    }
    return outputProjections[layer];
  }

  /** Queries of a layer, for {@link Transformer#attention}. */
  LayerAttention.Projection queries(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.heads(), heads.queryAt(), heads.queryStep());
  }

  /** Keys of a layer, for {@link Transformer#attention}. */
  LayerAttention.Projection keys(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.keyValueHeads(), heads.keyAt(), heads.keyStep());
  }

  /** Values of a layer, for {@link Transformer#attention}. */
  LayerAttention.Projection values(int layer) {
    AttentionHeads heads = layers.get(layer).heads();
    return projection(layer, heads.keyValueHeads(), heads.valueAt(), heads.valueStep());
  }

  /** The output of a layer's attention, for {@link Transformer#attention}. */
  LayerAttention.Projection output(int layer) {
    PackedMatrix matrix = layers.get(layer).output();
    return projection(matrix, 1, matrix.out(), 0, 0);
  }

  private LayerAttention.Projection projection(int layer, int heads, int at, int step) {
    VectorLayer whole = layers.get(layer);
    return projection(whole.queriesKeysValues(), heads, whole.heads().headDim(), at, step);
  }

  /** Some rows of a matrix, in blocks, as tensors of the innermost scope. */
  private static LayerAttention.Projection projection(
      PackedMatrix matrix, int blocks, int rows, int at, int step) {
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

  /** Waits until nothing runs: the kernels read memory by its address. */
  @Override
  public synchronized void close() {
    owner.close();
    arena.close();
  }
}
