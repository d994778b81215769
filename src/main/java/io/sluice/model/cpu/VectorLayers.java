package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.Transformer;
import io.sluice.model.bert.BertLayer;
import io.sluice.model.causal.CausalLayer;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.simd.layers.BlockAttention;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.simd.layers.RowAttention;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.simd.layers.RowNorm;
import io.sluice.simd.layers.RowProduct;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * A model's layers on the CPU, in float32, taken apart: attention, norms, functions and, unless
 * LibTorch's BLAS is faster, products with weights by this library's own kernels. What goes row by
 * row is done for some rows at a time ({@link RowSteps}), in memory that all layers and batches
 * share. Tensors are made only where there is a hook.
 */
public final class VectorLayers implements AutoCloseable {
  private static final Workers WORKERS = Workers.allCores();

  private final Arena arena = Arena.ofShared();
  private final TensorScope owner = TensorScope.detached();
  private final RowLogLoss logLoss = new RowLogLoss(WORKERS);
  private final RowProduct product = new RowProduct();
  private final LayerEngine engine;
  private final Attention attention;
  private final List<VectorLayer> layers;
  private final Tensor[] outputProjections;
  private final GrowingMemory stream = new GrowingMemory();
  private final GrowingMemory read = new GrowingMemory();
  private final GrowingMemory joined = new GrowingMemory();
  private final GrowingMemory z = new GrowingMemory();
  private final GrowingMemory attnOut = new GrowingMemory();
  private final GrowingMemory middle = new GrowingMemory();
  private final GrowingMemory mlpOut = new GrowingMemory();
  private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  /** What one thread needs for the rows that it takes through some steps. */
  private static final class Scratch {
    final GrowingMemory normed = new GrowingMemory();
    final GrowingMemory inner = new GrowingMemory();
  }

  private <T> VectorLayers(
      LayerEngine engine,
      List<T> layers,
      BiFunction<T, Function<List<Linear>, LayerMatrix>, VectorLayer> apart) {
    this.engine = engine;
    this.attention =
        engine == LayerEngine.VECTOR
            ? new RowAttention(WORKERS)
            : new BlockAttention(WORKERS, VectorLayers::multiply);
    this.outputProjections = new Tensor[layers.size()];
    try (TensorScope scope = TensorScope.open()) {
      this.layers = layers.stream().map(layer -> apart.apply(layer, this::matrix)).toList();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Takes a causal model's layers apart. Unless LibTorch's BLAS reads them where they are, weights
   * are packed and the layers' tensors closed, one layer after the other, so that there is never
   * more than one layer twice; else the tensors must stay open as long as these layers.
   *
   * @param engine what multiplies
   */
  public static VectorLayers of(LayerEngine engine, List<CausalLayer> layers) {
    return new VectorLayers(engine, layers, VectorLayer::of);
  }

  /** As {@link #of}, for an encoder's layers. */
  public static VectorLayers ofEncoder(LayerEngine engine, List<BertLayer> layers) {
    return new VectorLayers(engine, layers, BertLayer::apart);
  }

  private static void multiply(
      MemorySegment x,
      int xStride,
      int rows,
      int depth,
      MemorySegment w,
      int wStride,
      boolean turned,
      int columns,
      MemorySegment y,
      int yStride) {
    // A weight matrix is [out, in]: here that is the transposed one.
    new WeightMatrix(w, columns, depth, wStride, !turned)
        .multiply(x, xStride, rows, y, yStride, false, true);
  }

  private LayerMatrix matrix(List<Linear> parts) {
    return switch (engine) {
      case BLAS -> new LayerMatrix.Plain(parts, owner);
      case SPLIT -> new LayerMatrix.Split(parts, arena);
      case VECTOR -> LayerMatrix.Packed.of(parts, product, arena);
      case LIBTORCH -> throw new IllegalArgumentException("LibTorch's layers are not taken apart");
    };
  }

  /**
   * One batch on its way through the layers.
   *
   * @param rows which rows are whose
   * @param angles of the positions; null if none are turned
   * @param hooks what to do at hook points
   * @param cache what came before, which the pass adds to; null where nothing did
   */
  public record Pass(Attention.Batch rows, RotaryAngles angles, Hooks hooks, KeyValueCache cache) {
    /** All positions of causal contexts: no token sees the padding to its right. */
    public static Pass causal(int size, int length, RotaryAngles angles, Hooks hooks) {
      int[] lengths = new int[size];
      Arrays.fill(lengths, length);
      return new Pass(Attention.Batch.of(length, lengths), angles, hooks, null);
    }

    /** Tokens that follow those of a text that have run. */
    public static Pass continuing(
        KeyValueCache cache, int length, RotaryAngles angles, Hooks hooks) {
      int end = cache.length() + length;
      int[] lengths = {end};
      Attention.Batch rows = new Attention.Batch(1, end, cache.length(), end, lengths);
      return new Pass(rows, angles, hooks, cache);
    }

    /** All positions of a batch whose padding is hidden. */
    public static Pass bidirectional(TokenBatch batch, Hooks hooks) {
      int[] lengths = new int[batch.size()];
      for (int i = 0; i < lengths.length; i++) {
        lengths[i] = batch.length(i);
      }
      return new Pass(Attention.Batch.of(batch.length(), lengths), null, hooks, null);
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
  public synchronized Tensor run(int from, int to, Tensor start, Pass pass) {
    int width = (int) start.size(2);
    MemorySegment x = stream.of(pass.count(), width);
    start.contiguous().copyTo(x);
    if (from < to && !run(new Run(pass, width, x, new RowSteps(WORKERS, pass.count())), from, to)) {
      return null;
    }
    Tensor result = Tensor.empty(DType.F32, Device.CPU, start.shape());
    result.copyFrom(x);
    return result;
  }

  /** False if the pass ends early. */
  private boolean run(Run run, int from, int to) {
    MemorySegment all;
    try (TensorScope scope = TensorScope.open()) {
      all = run.project(layers.get(from));
      run.steps.run();
    }
    for (int layer = from; all != null && layer < to; layer++) {
      // One scope from one attention to the next: what hooks make is freed when no step needs it.
      try (TensorScope scope = TensorScope.open()) {
        if (!run.attendAndTransform(layers.get(layer), all)) {
          return false;
        }
        all = layer + 1 < to ? run.project(layers.get(layer + 1)) : all;
        run.steps.run();
      }
    }
    return all != null;
  }

  /** A pass through these layers. */
  private final class Run {
    private final Pass pass;
    private final Hooks hooks;
    private final int width;
    private final MemorySegment x;
    private final RowSteps steps;

    /**
     * @param width of the residual stream
     * @param x the residual stream, which each layer replaces
     */
    Run(Pass pass, int width, MemorySegment x, RowSteps steps) {
      this.pass = pass;
      this.hooks = pass.hooks();
      this.width = width;
      this.x = x;
      this.steps = steps;
    }

    /** Queries, keys and values of a layer, once the steps have run; null if the pass ends. */
    MemorySegment project(VectorLayer layer) {
      RowNorm norm = layer.beforeAttention();
      LayerMatrix matrix = layer.queriesKeysValues();
      MemorySegment all = projections(layer, matrix);
      long before = pass.cache() == null ? 0 : pass.rows().first();
      if (!hooks.isAt(new HookPoint(layer.index(), HookKind.ATTN_IN))) {
        steps.add(
            (first, count, workers) ->
                matrix.multiply(
                    normalised(norm, rows(x, first, count, width), count, workers),
                    count,
                    rows(all, before + first, count, matrix.out()),
                    workers));
        return all;
      }
      // A copy of its own: what a hook puts in its place does not change the residual stream.
      Spot spot = spot(layer, HookKind.ATTN_IN, read, width);
      steps.add(
          (first, count, workers) -> {
            MemorySegment rows = rows(x, first, count, width);
            rows(spot.memory(), first, count, width)
                .copyFrom(normalised(norm, rows, count, workers));
          });
      MemorySegment source = spot.hooked(steps);
      if (hooks.endBefore(layer.index(), HookKind.Z)) {
        return null;
      }
      steps.add(
          (first, count, workers) ->
              matrix.multiply(
                  rows(source, first, count, width),
                  count,
                  rows(all, before + first, count, matrix.out()),
                  workers));
      return all;
    }

    private MemorySegment projections(VectorLayer layer, LayerMatrix matrix) {
      return pass.cache() == null
          ? joined.of(pass.count(), matrix.out())
          : pass.cache().rows(layer.index(), matrix.out(), pass.rows().length());
    }

    /**
     * Attention and MLP of a layer.
     *
     * @param all its queries, keys and values
     * @return false if the pass ends
     */
    boolean attendAndTransform(VectorLayer layer, MemorySegment all) {
      LayerMatrix output = layer.output();
      int heads = layer.heads().outputWidth();
      Spot zSpot = spot(layer, HookKind.Z, z, heads);
      attention.run(layer.heads(), pass.angles(), pass.rows(), all, zSpot.memory());
      MemorySegment mixed = zSpot.hooked(steps);
      if (hooks.endBefore(layer.index(), HookKind.ATTN_OUT)) {
        return false;
      }
      Spot attnSpot = spot(layer, HookKind.ATTN_OUT, attnOut, width);
      MemorySegment written = attnSpot.memory();
      steps.add(
          (first, count, workers) ->
              output.multiply(
                  rows(mixed, first, count, heads),
                  count,
                  rows(written, first, count, width),
                  workers));
      MemorySegment added = attnSpot.hooked(steps);
      if (hooks.endBefore(layer.index(), HookKind.MLP_OUT)) {
        return false;
      }
      MemorySegment between = middle.of(pass.count(), width);
      Spot mlpSpot = spot(layer, HookKind.MLP_OUT, mlpOut, width);
      steps.add(
          (first, count, workers) -> {
            sum(layer.afterAttention(), x, added, layer.afterSum(), between, first, count, workers);
            transform(
                layer, layer.parallel() ? x : between, mlpSpot.memory(), first, count, workers);
          });
      MemorySegment more = mlpSpot.hooked(steps);
      if (hooks.endBefore(layer.index(), HookKind.RESID)) {
        return false;
      }
      Spot residSpot = spot(layer, HookKind.RESID, stream, width);
      steps.add(
          (first, count, workers) ->
              sum(
                  layer.afterMlp(),
                  between,
                  more,
                  layer.afterLastSum(),
                  residSpot.memory(),
                  first,
                  count,
                  workers));
      MemorySegment resid = residSpot.hooked(steps);
      if (resid.address() != x.address()) {
        x.copyFrom(resid);
      }
      return !hooks.endBefore(layer.index() + 1, HookKind.ATTN_IN);
    }

    /** {@code out = after(a + before(b))} for some rows; a norm that is null is left out. */
    private void sum(
        RowNorm before,
        MemorySegment a,
        MemorySegment b,
        RowNorm after,
        MemorySegment out,
        int first,
        int count,
        Workers workers) {
      MemorySegment left = rows(a, first, count, width);
      MemorySegment right = normalised(before, rows(b, first, count, width), count, workers);
      MemorySegment sum = rows(out, first, count, width);
      RowNorm.add(left, right, sum, (long) count * width, workers);
      if (after != null) {
        after.apply(sum, count, sum, workers);
      }
    }

    /** What a layer's MLP makes of some rows. */
    private void transform(
        VectorLayer layer,
        MemorySegment from,
        MemorySegment to,
        int first,
        int count,
        Workers workers) {
      LayerMatrix up = layer.up();
      MemorySegment rows =
          normalised(layer.beforeMlp(), rows(from, first, count, width), count, workers);
      MemorySegment inner = scratch.get().inner.of(count, up.out());
      if (layer.gate() == null) {
        up.multiply(layer.activation(), rows, count, inner, workers);
      } else {
        up.multiplyGated(layer.gate(), layer.activation(), rows, count, inner, workers);
      }
      layer.down().multiply(inner, count, rows(to, first, count, width), workers);
    }

    /** Rows after a norm, in this thread's memory; as they are if there is none. */
    private MemorySegment normalised(RowNorm norm, MemorySegment rows, int count, Workers workers) {
      if (norm == null) {
        return rows;
      }
      MemorySegment normed = scratch.get().normed.of(count, width);
      norm.apply(rows, count, normed, workers);
      return normed;
    }

    private Spot spot(VectorLayer layer, HookKind kind, GrowingMemory memory, int width) {
      HookPoint point = new HookPoint(layer.index(), kind);
      if (!hooks.isAt(point)) {
        return new Spot(point, null, null, memory.of(pass.count(), width));
      }
      Attention.Batch rows = pass.rows();
      Tensor tensor = Tensor.empty(DType.F32, Device.CPU, rows.contexts(), rows.queries(), width);
      return new Spot(point, hooks, tensor, tensor.data());
    }
  }

  private static MemorySegment rows(MemorySegment memory, long first, int count, int width) {
    long rowBytes = (long) width * Float.BYTES;
    return memory.asSlice(first * rowBytes, count * rowBytes);
  }

  /** Where the activation of a hook point is written: a tensor of its own if there is a hook. */
  private record Spot(HookPoint point, Hooks hooks, Tensor tensor, MemorySegment memory) {
    /** The activation after its hooks, for which all rows must be there. */
    MemorySegment hooked(RowSteps steps) {
      if (tensor == null) {
        return memory;
      }
      steps.run();
      return hooks.at(point.layer(), point.kind(), tensor).contiguous().data();
    }
  }

  /** Whether weights are held here, and the layers' own tensors closed. */
  public boolean isPacked() {
    return engine != LayerEngine.BLAS;
  }

  /**
   * The loss of predicting tokens.
   *
   * @param rows {@code [n, dModel]}, what each is predicted from
   * @param head {@code [vocabulary, dModel]}
   * @param cap on logits; 0 for none
   * @param ids of the tokens, {@code [n]}
   */
  public synchronized TokenLoss loss(Tensor rows, Tensor head, float cap, long[] ids) {
    Tensor weights = head.contiguous();
    RowLogLoss.Head classes =
        new RowLogLoss.Head(weights.data(), (int) head.size(0), (int) head.size(1), cap);
    int[] targets = Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
    double[] losses = logLoss.losses(classes, rows.contiguous().data(), targets);
    return new TokenLoss(Arrays.stream(losses).sum(), ids.length);
  }

  /** {@code W_O} of a layer, which stays these layers', if they are packed. */
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
    VectorLayer whole = layers.get(layer);
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

  /** Waits until nothing runs: the kernels read memory by its address. */
  @Override
  public synchronized void close() {
    owner.close();
    arena.close();
  }
}
