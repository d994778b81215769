package io.sluice.torch;

/**
 * Reading and writing rows by index. Indices are int64, or int32 where documented. On the CPU an
 * index out of range is an error; on a GPU LibTorch detects it late, and the process cannot use the
 * GPU afterwards, so indices from outside are checked before they are copied to the GPU.
 */
public sealed interface IndexOperators permits Tensor {
  /** The entries {@code indices} (flat, int32 or int64) along {@code dim}. */
  default Tensor indexSelect(int dim, Tensor indices) {
    return Call.of(Aten.INDEX_SELECT).tensor((Tensor) this).integer(dim).tensor(indices).one();
  }

  /**
   * Rows of this {@code [rows, d]} table by number.
   *
   * @param indices int32 or int64 of any shape {@code [...]}
   * @return {@code [..., d]}
   */
  default Tensor embedding(Tensor indices) {
    return Call.of(Aten.EMBEDDING)
        .tensor((Tensor) this)
        .tensor(indices)
        .integer(-1)
        .bool(false)
        .bool(false)
        .one();
  }

  /** For each index along {@code dim} the element there; shapes as {@code torch.gather}. */
  default Tensor gather(int dim, Tensor indices) {
    return Call.of(Aten.GATHER)
        .tensor((Tensor) this)
        .integer(dim)
        .tensor(indices)
        .bool(false)
        .one();
  }

  /** Sets the entries {@code indices} (flat) along {@code dim} from {@code source}, in place. */
  default Tensor indexCopy_(int dim, Tensor indices, Tensor source) {
    return Call.of(Aten.INDEX_COPY_)
        .tensor((Tensor) this)
        .integer(dim)
        .tensor(indices)
        .tensor(source)
        .into((Tensor) this);
  }

  /** Adds each element of {@code source} at its index along {@code dim}, in place. */
  default Tensor scatterAdd_(int dim, Tensor indices, Tensor source) {
    return Call.of(Aten.SCATTER_ADD_)
        .tensor((Tensor) this)
        .integer(dim)
        .tensor(indices)
        .tensor(source)
        .into((Tensor) this);
  }

  /**
   * Weighted sums of rows of this {@code [rows, d]} table: bag {@code i} is {@code Σ_j weights[j] ·
   * this[indices[j]]} over {@code offsets[i] ≤ j < offsets[i + 1]}.
   *
   * @param indices flat, int32 or int64, {@code [n]}
   * @param offsets of the same type, ascending, {@code [bags + 1]}, from 0 to {@code n}
   * @param weights float, {@code [n]}
   * @return {@code [bags, d]}
   * @throws IllegalArgumentException if the offsets are wrong (on the CPU; on a GPU they are not
   *     checked)
   */
  default Tensor embeddingBag(Tensor indices, Tensor offsets, Tensor weights) {
    if (offsets.device().isCuda() || indices.device().isCuda()) {
      return sumBags(indices, offsets, weights);
    }
    try (Tensor own = offsets.copy();
        Tensor rows = indices.copy()) {
      own.requireOffsets(rows.elements());
      return sumBags(rows, own, weights);
    }
  }

  private Tensor sumBags(Tensor indices, Tensor offsets, Tensor weights) {
    Tensor[] results =
        Call.of(Aten.EMBEDDING_BAG)
            .tensor((Tensor) this)
            .tensor(indices)
            .tensor(offsets)
            .bool(false)
            .integer(0)
            .bool(false)
            .optional(weights)
            .bool(true)
            .integer(-1)
            .many(4);
    for (int i = 1; i < results.length; i++) {
      results[i].close();
    }
    return results[0];
  }

  /** The index of the interval of ascending {@code this} that contains each value; int64. */
  default Tensor searchSorted(Tensor values, boolean right) {
    return Call.of(Aten.SEARCHSORTED)
        .tensor((Tensor) this)
        .tensor(values)
        .bool(false)
        .bool(right)
        .none()
        .none()
        .one();
  }

  /** The indices {@code [n, rank]} of the elements that are not 0; int64. */
  default Tensor nonzero() {
    return Call.of(Aten.NONZERO).tensor((Tensor) this).one();
  }

  /** The lower triangle; elements above {@code diagonal} become 0. */
  default Tensor tril(int diagonal) {
    return Call.of(Aten.TRIL).tensor((Tensor) this).integer(diagonal).one();
  }
}
