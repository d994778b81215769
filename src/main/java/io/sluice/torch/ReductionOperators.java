package io.sluice.torch;

/** Operators that reduce dimensions, sort, or select the largest. */
public sealed interface ReductionOperators permits Tensor {
  /** The sum over {@code dims}, which stay with size 1 if {@code keepDims}. */
  default Tensor sum(boolean keepDims, int... dims) {
    return Call.of(Aten.SUM)
        .tensor((Tensor) this)
        .optionalIntegers(longs(dims))
        .bool(keepDims)
        .none()
        .one();
  }

  /** The sum of all elements, without dimensions. */
  default Tensor sum() {
    return Call.of(Aten.SUM).tensor((Tensor) this).none().bool(false).none().one();
  }

  /** The mean over {@code dims}, which stay with size 1 if {@code keepDims}. */
  default Tensor mean(boolean keepDims, int... dims) {
    return Call.of(Aten.MEAN)
        .tensor((Tensor) this)
        .optionalIntegers(longs(dims))
        .bool(keepDims)
        .none()
        .one();
  }

  /** The largest element over {@code dims}, which stay with size 1 if {@code keepDims}. */
  default Tensor amax(boolean keepDims, int... dims) {
    return Call.of(Aten.AMAX).tensor((Tensor) this).integers(longs(dims)).bool(keepDims).one();
  }

  /** The smallest element over {@code dims}, which stay with size 1 if {@code keepDims}. */
  default Tensor amin(boolean keepDims, int... dims) {
    return Call.of(Aten.AMIN).tensor((Tensor) this).integers(longs(dims)).bool(keepDims).one();
  }

  /** The index of the largest element along {@code dim}; int64. */
  default Tensor argmax(int dim, boolean keepDims) {
    return Call.of(Aten.ARGMAX).tensor((Tensor) this).optionalInteger(dim).bool(keepDims).one();
  }

  /** Whether all elements are true, without dimensions; bool. */
  default Tensor all() {
    return Call.of(Aten.ALL).tensor((Tensor) this).one();
  }

  /** Whether any element is true, without dimensions; bool. */
  default Tensor any() {
    return Call.of(Aten.ANY).tensor((Tensor) this).one();
  }

  /** The running sum along {@code dim}. */
  default Tensor cumsum(int dim) {
    return Call.of(Aten.CUMSUM).tensor((Tensor) this).integer(dim).none().one();
  }

  /**
   * The {@code k} largest elements along {@code dim}.
   *
   * @param sorted whether in descending order; otherwise in any order
   */
  default Selection topk(long k, int dim, boolean sorted) {
    Tensor[] results =
        Call.of(Aten.TOPK)
            .tensor((Tensor) this)
            .integer(k)
            .integer(dim)
            .bool(true)
            .bool(sorted)
            .many(2);
    return new Selection(results[0], results[1]);
  }

  /** All elements along {@code dim} in order; the sort is stable. */
  default Selection sort(int dim, boolean descending) {
    Tensor[] results =
        Call.of(Aten.SORT)
            .tensor((Tensor) this)
            .optionalBool(true)
            .integer(dim)
            .bool(descending)
            .many(2);
    return new Selection(results[0], results[1]);
  }

  /**
   * The distinct runs of a flat tensor and their lengths.
   *
   * @return the first element of each run, and how long it is (int64)
   */
  default Runs uniqueConsecutive() {
    Tensor[] results =
        Call.of(Aten.UNIQUE_CONSECUTIVE)
            .tensor((Tensor) this)
            .bool(false)
            .bool(true)
            .none()
            .many(3);
    results[1].close();
    return new Runs(results[0], results[2]);
  }

  /** How often each of {@code 0 … atLeast − 1} (and any larger number) occurs; flat, int64. */
  default Tensor bincount(long atLeast) {
    return Call.of(Aten.BINCOUNT).tensor((Tensor) this).none().integer(atLeast).one();
  }

  /**
   * Selected elements and their indices.
   *
   * @param values the elements
   * @param indices their indices along the dimension; int64
   */
  record Selection(Tensor values, Tensor indices) {}

  /**
   * Runs of equal elements.
   *
   * @param values one element per run
   * @param counts the run's length; int64
   */
  record Runs(Tensor values, Tensor counts) {}

  private static long[] longs(int[] dims) {
    long[] wide = new long[dims.length];
    for (int i = 0; i < dims.length; i++) {
      wide[i] = dims[i];
    }
    return wide;
  }
}
