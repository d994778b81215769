package io.sluice.torch;

import io.sluice.memory.DType;
import java.util.Arrays;

/** Matrix products and decompositions. */
public sealed interface MatrixOperators permits Tensor {
  /**
   * The matrix product, batched and broadcast as {@code torch.matmul}: {@code [..., n, m] × [...,
   * m, p] → [..., n, p]}.
   */
  default Tensor matmul(Tensor other) {
    return Call.of(Aten.MATMUL).tensor((Tensor) this).tensor(other).one();
  }

  /** The product of two matrices, {@code [n, m] × [m, p] → [n, p]}. */
  default Tensor mm(Tensor other) {
    return Call.of(Aten.MM).tensor((Tensor) this).tensor(other).one();
  }

  /**
   * The product of two matrices of 16-bit elements, accumulated and returned as {@code result}; on
   * GPUs only.
   */
  default Tensor mm(Tensor other, DType result) {
    return Call.of(Aten.MM_DTYPE).tensor((Tensor) this).tensor(other).dtype(result).one();
  }

  /** The products of two batches of matrices, {@code [b, n, m] × [b, m, p] → [b, n, p]}. */
  default Tensor bmm(Tensor other) {
    return Call.of(Aten.BMM).tensor((Tensor) this).tensor(other).one();
  }

  /**
   * {@code x·weightᵀ + bias}: {@code [..., in] → [..., out]}.
   *
   * @param weight {@code [out, in]}
   * @param bias {@code [out]}, or null for none
   */
  default Tensor linear(Tensor weight, Tensor bias) {
    return Call.of(Aten.LINEAR).tensor((Tensor) this).tensor(weight).optional(bias).one();
  }

  /** Sets this {@code [n, p]} to {@code a·b}. */
  default Tensor mm_(Tensor a, Tensor b) {
    requireShape((Tensor) this, a, b, a.size(0), b.size(-1));
    return Typed.mmOut((Tensor) this, a, b);
  }

  /** Sets this {@code [batch, n, p]} to {@code a·b}, batch by batch. */
  default Tensor bmm_(Tensor a, Tensor b) {
    requireShape((Tensor) this, a, b, a.size(0), a.size(-2), b.size(-1));
    return Typed.bmmOut((Tensor) this, a, b);
  }

  /** Sets this {@code [n, p]} to {@code beta·c + alpha·a·b}; {@code c} broadcasts, or is this. */
  default Tensor addmm_(Tensor c, Tensor a, Tensor b, double beta, double alpha) {
    requireShape((Tensor) this, a, b, a.size(0), b.size(-1));
    return Typed.addmmOut((Tensor) this, c, a, b, beta, alpha);
  }

  /** Sets this {@code [batch, n, p]} to {@code beta·c + alpha·a·b}, batch by batch. */
  default Tensor baddbmm_(Tensor c, Tensor a, Tensor b, double beta, double alpha) {
    requireShape((Tensor) this, a, b, a.size(0), a.size(-2), b.size(-1));
    return Typed.baddbmmOut((Tensor) this, c, a, b, beta, alpha);
  }

  /** {@code beta·this + alpha·a·b}; this broadcasts to {@code [n, p]}. */
  default Tensor addmm(Tensor a, Tensor b, double beta, double alpha) {
    Tensor out = Tensor.empty(a.dtype(), a.device(), a.size(0), b.size(-1));
    return Typed.addmmOut(out, (Tensor) this, a, b, beta, alpha);
  }

  /**
   * The eigenvalues, ascending, and eigenvectors, as columns, of a symmetric matrix (its lower
   * triangle is read); float32 or float64.
   *
   * @throws IllegalArgumentException if an element is NaN or infinite
   */
  default Eigen eigh() {
    requireFinite("eigh");
    Tensor[] results = Call.of(Aten.EIGH).tensor((Tensor) this).text("L").many(2);
    return new Eigen(results[0], results[1]);
  }

  /**
   * The singular value decomposition {@code U·diag(S)·Vᵀ} of {@code [n, m]}, reduced.
   *
   * @throws IllegalArgumentException if an element is NaN or infinite
   */
  default Svd svd() {
    requireFinite("svd");
    Tensor[] results = Call.of(Aten.SVD).tensor((Tensor) this).bool(false).none().many(3);
    return new Svd(results[0], results[1], results[2]);
  }

  /**
   * An eigen-decomposition.
   *
   * @param values {@code [n]}, ascending
   * @param vectors {@code [n, n]}, column {@code i} belongs to value {@code i}
   */
  record Eigen(Tensor values, Tensor vectors) {}

  /**
   * A singular value decomposition; {@code r = min(n, m)}.
   *
   * @param u {@code [n, r]}
   * @param s {@code [r]}, descending
   * @param vt {@code [r, m]}
   */
  record Svd(Tensor u, Tensor s, Tensor vt) {}

  /** Some LAPACKs never return if an element is not finite. */
  private void requireFinite(String doing) {
    Tensor self = (Tensor) this;
    try (Tensor finite = self.isFinite();
        Tensor all = finite.all()) {
      if (all.item() == 0) {
        throw new IllegalArgumentException(
            doing + " of " + self.describe() + " with elements that are NaN or infinite");
      }
    }
  }

  // LibTorch would give an output of another shape new memory, under the views that Java holds.
  private static void requireShape(Tensor out, Tensor a, Tensor b, long... shape) {
    if (!Arrays.equals(out.shape(), shape)) {
      throw new IllegalArgumentException(
          "the product of "
              + a.describe()
              + " and "
              + b.describe()
              + " does not have the shape of its output "
              + out.describe());
    }
  }
}
