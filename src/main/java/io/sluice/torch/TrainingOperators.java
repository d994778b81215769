package io.sluice.torch;

import io.sluice.memory.DType;
import java.util.Arrays;
import java.util.List;

/** Gradients and optimiser steps in closed form; nothing here records an autograd graph. */
public sealed interface TrainingOperators permits Tensor {
  /**
   * Products of rows: element {@code j} is {@code ⟨this[bags[j]], table[indices[j]]⟩}. This is the
   * gradient of {@link IndexOperators#embeddingBag} with respect to its weights; this tensor is the
   * gradient of the bags.
   *
   * @param table float {@code [rows, d]}
   * @param indices rows of {@code table}, flat, int32 or int64, {@code [n]}
   * @param offsets the start of each bag, of the same type, {@code [bags + 1]}
   * @param bags the bag of each index, of the same type, {@code [n]}
   * @return {@code [n]}
   * @throws IllegalArgumentException if shapes disagree, or (on the CPU; on a GPU it is not
   *     checked) an index, bag or offset is out of range
   */
  default Tensor bagProducts(Tensor table, Tensor indices, Tensor offsets, Tensor bags) {
    Tensor self = (Tensor) this;
    long count = indices.elements();
    if (self.rank() != 2
        || table.rank() != 2
        || self.size(1) != table.size(1)
        || self.dtype() != table.dtype()
        || bags.elements() != count
        || offsets.elements() != self.size(0) + 1) {
      throw new IllegalArgumentException(
          "bagProducts of %s with table %s, indices %s, offsets %s, bags %s"
              .formatted(
                  self.describe(),
                  table.describe(),
                  indices.describe(),
                  offsets.describe(),
                  bags.describe()));
    }
    boolean onGpu = false;
    for (Tensor each : List.of(self, table, indices, offsets, bags)) {
      onGpu |= each.device().isCuda();
    }
    if (onGpu) {
      return products(table, indices, offsets, bags);
    }
    // LibTorch does not check indices, so it gets exactly the tensors that were checked.
    try (Tensor ownIndices = indices.copy();
        Tensor ownOffsets = offsets.copy();
        Tensor ownBags = bags.copy()) {
      ownOffsets.requireOffsets(count);
      ownIndices.requireIndices(table.size(0));
      ownBags.requireIndices(self.size(0));
      return products(table, ownIndices, ownOffsets, ownBags);
    }
  }

  private Tensor products(Tensor table, Tensor indices, Tensor offsets, Tensor bags) {
    return Call.of(Aten.EMBEDDING_BAG_WEIGHT_GRADIENT)
        .tensor((Tensor) this)
        .tensor(table)
        .tensor(indices)
        .tensor(offsets)
        .tensor(bags)
        .integer(0)
        .integer(-1)
        .one();
  }

  /**
   * One step of Adam (Kingma and Ba 2015) in place: this, {@code first} and {@code second} change.
   * All have one shape, and float32 or float64 as element type.
   *
   * @param gradient the gradient of this
   * @param first the first moment
   * @param second the second moment
   * @param step float32, one element, on the same device: the number of this step, counted from 1
   * @param rate the learning rate
   * @param epsilon added to the square root of the corrected second moment
   */
  default Tensor adam_(
      Tensor gradient,
      Tensor first,
      Tensor second,
      Tensor step,
      double rate,
      double beta1,
      double beta2,
      double epsilon) {
    Tensor self = (Tensor) this;
    for (Tensor other : List.of(gradient, first, second)) {
      if (!Arrays.equals(self.shape(), other.shape())
          || self.dtype() != other.dtype()
          || !self.device().equals(other.device())) {
        throw new IllegalArgumentException(
            "adam_ of "
                + self.describe()
                + " with "
                + other.describe()
                + ": shape, type and device must be the same");
      }
    }
    if (step.elements() != 1 || step.dtype() != DType.F32 || !step.device().equals(self.device())) {
      throw new IllegalArgumentException(
          "adam_ takes its step as one float32 on " + self.device() + ", not " + step.describe());
    }
    for (Tensor dense : List.of(self, gradient, first, second)) {
      // LibTorch's kernel ignores strides.
      if (!dense.isContiguous()) {
        throw new IllegalArgumentException("adam_ of a tensor that is not contiguous: " + dense);
      }
    }
    for (Tensor changed : List.of(self, first, second)) {
      changed.requireWritable("adam_");
    }
    Call.of(Aten.FUSED_ADAM_)
        .tensors(List.of(self))
        .tensors(List.of(gradient))
        .tensors(List.of(first))
        .tensors(List.of(second))
        .tensors(List.of())
        .tensors(List.of(step))
        .real(rate)
        .real(beta1)
        .real(beta2)
        .real(0)
        .real(epsilon)
        .bool(false)
        .bool(false)
        .none()
        .none()
        .nothing();
    return self;
  }
}
