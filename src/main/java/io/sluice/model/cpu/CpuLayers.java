package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.model.TokenLoss;
import io.sluice.model.parts.Linear;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.BlockAttention;
import io.sluice.simd.layers.RowAttention;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.simd.layers.RowProduct;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
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
 * Runs a model's layers on the CPU, in float32. Attention, norms, activation functions and, unless
 * LibTorch's BLAS is faster, products with weights use Sluice's own kernels. Steps that work row by
 * row take some rows at a time ({@link RowSteps}), in memory that all layers and batches share.
 * Tensors are made only for hooks.
 */
public final class CpuLayers implements AutoCloseable {
  static final Workers WORKERS = Workers.allCores();

  private final Arena arena = Arena.ofShared();
  private final TensorScope owner = TensorScope.detached();
  private final RowLogLoss logLoss = new RowLogLoss(WORKERS);
  private final RowProduct product = new RowProduct();
  private final LayerBackend backend;
  private final List<CpuLayer> layers;
  private final RunMemory memory;
  private final PackedWeights weights;

  /** Makes one matrix of several that read the same rows. */
  @FunctionalInterface
  public interface Matrices extends Function<List<Linear>, LayerMatrix> {}

  /**
   * Makes a model's layers ready for the CPU. Unless LibTorch's BLAS reads them where they are,
   * weights are packed and the layers' tensors closed, one layer after the other, so that there is
   * never more than one layer twice; else the tensors must stay open as long as these layers.
   *
   * @param backend what multiplies
   * @param layers the model's own
   * @param convert makes one layer for the CPU
   */
  public <T> CpuLayers(
      LayerBackend backend, List<T> layers, BiFunction<T, Matrices, CpuLayer> convert) {
    this.backend = backend;
    Attention attention =
        backend == LayerBackend.VECTOR
            ? new RowAttention(WORKERS)
            : new BlockAttention(WORKERS, CpuLayers::multiply);
    this.memory = new RunMemory(attention);
    try (TensorScope scope = TensorScope.open()) {
      this.layers = layers.stream().map(layer -> convert.apply(layer, this::matrix)).toList();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    this.weights = isPacked() ? new PackedWeights(this.layers, arena, owner) : null;
  }

  private static void multiply(
      MemorySegment x,
      int xStride,
      int rows,
      int depth,
      MemorySegment w,
      int wStride,
      boolean transposed,
      int columns,
      MemorySegment y,
      int yStride) {
    // A weight matrix is [out, in]: here that is the transposed one.
    new WeightMatrix(w, columns, depth, wStride, !transposed)
        .multiply(x, xStride, rows, y, yStride, false, true);
  }

  private LayerMatrix matrix(List<Linear> parts) {
    return switch (backend) {
      case BLAS -> new BlasMatrix(parts, owner);
      case SPLIT -> new SplitBlasMatrix(parts, arena);
      case VECTOR -> PackedLayerMatrix.of(parts, product, arena);
      case LIBTORCH -> throw new IllegalArgumentException("LibTorch runs its layers itself");
    };
  }

  /**
   * Runs layers {@code from} to {@code to} (exclusive).
   *
   * @param start the residual stream before them, {@code [size, length, dModel]}
   * @return the residual stream after them, in the innermost scope; null if the pass ends earlier
   */
  public synchronized Tensor run(int from, int to, Tensor start, CpuPass pass) {
    int width = (int) start.size(2);
    MemorySegment x = memory.stream(pass.count(), width);
    start.contiguous().copyTo(x);
    if (from < to && !run(new CpuRun(memory, pass, width, x), from, to)) {
      return null;
    }
    Tensor result = Tensor.empty(DType.F32, Device.CPU, start.shape());
    result.copyFrom(x);
    return result;
  }

  /** False if the pass ends early. */
  private boolean run(CpuRun run, int from, int to) {
    MemorySegment all;
    try (TensorScope scope = TensorScope.open()) {
      all = run.project(layers.get(from));
      run.finishSteps();
    }
    for (int layer = from; all != null && layer < to; layer++) {
      // One scope from one attention to the next: tensors of hooks are freed when no step needs
      // them.
      try (TensorScope scope = TensorScope.open()) {
        if (!run.attendAndTransform(layers.get(layer), all)) {
          return false;
        }
        all = layer + 1 < to ? run.project(layers.get(layer + 1)) : all;
        run.finishSteps();
      }
    }
    return all != null;
  }

  /** Whether weights are held here, and the layers' own tensors closed. */
  public boolean isPacked() {
    return backend != LayerBackend.BLAS;
  }

  /** The weights that are held here, if {@link #isPacked}; else null. */
  public PackedWeights weights() {
    return weights;
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
    double[] losses = logLoss.losses(classes(head, cap), rows.contiguous().data(), targets(ids));
    return new TokenLoss(Arrays.stream(losses).sum(), ids.length);
  }

  /**
   * What variants of the same rows predict.
   *
   * @param rows of each variant, {@code [n, dModel]}
   * @param head {@code [vocabulary, dModel]}
   * @param cap on logits; 0 for none
   * @param ids of the tokens that the first rows predict, at most {@code n}
   */
  public synchronized RowLogLoss.Compared compare(
      List<Tensor> rows, Tensor head, float cap, long[] ids) {
    int count = (int) rows.getFirst().size(0);
    MemorySegment all = ShapeOperators.cat(rows, 0).contiguous().data();
    return logLoss.compare(classes(head, cap), all, rows.size(), count, targets(ids));
  }

  private static RowLogLoss.Head classes(Tensor head, float cap) {
    return new RowLogLoss.Head(
        head.contiguous().data(), (int) head.size(0), (int) head.size(1), cap);
  }

  private static int[] targets(long[] ids) {
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  /** Waits until nothing runs: the kernels read memory by its address. */
  @Override
  public synchronized void close() {
    owner.close();
    arena.close();
  }
}
