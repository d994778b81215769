package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.Predictions;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;
import java.util.List;

/**
 * Collects what variants of a model leave after the last layer, and compares what they predict. The
 * logits of all variants are made for the same few rows at a time.
 */
final class ComparedVariants implements AutoCloseable {
  private final CausalStack stack;
  private final NextTokens next;
  private final long[] rows;
  private final int[] positions;
  private final Tensor[] variants;
  private final TensorScope kept = TensorScope.detached();

  ComparedVariants(CausalStack stack, TokenBatch batch, int variants) {
    this.stack = stack;
    this.next = NextTokens.of(batch);
    this.rows = next.rowsAndEnds(batch);
    this.positions = Arrays.stream(rows).mapToInt(row -> (int) (row % batch.length())).toArray();
    this.variants = new Tensor[variants];
  }

  /** Takes the residual stream of a variant, which is freed. */
  void add(int variant, Tensor stream) {
    try (TensorScope scope = TensorScope.open()) {
      variants[variant] = stack.rowsAt(stream, rows).moveTo(kept);
    }
  }

  /** What all of them predict. */
  Predictions compare() {
    try (TensorScope scope = TensorScope.open()) {
      return stack.hasOwnHead() ? byOwnHead() : byLibTorch();
    }
  }

  private Predictions byOwnHead() {
    RowLogLoss.Compared found = stack.compare(List.of(variants), next.ids());
    List<TokenLoss> sums =
        Arrays.stream(found.losses())
            .map(each -> new TokenLoss(Arrays.stream(each).sum(), next.count()))
            .toList();
    return new Predictions(positions, next.count(), sums, found.losses(), found.divergences());
  }

  private Predictions byLibTorch() {
    int known = next.count();
    double[] sums = new double[variants.length];
    double[][] losses = new double[variants.length][known];
    double[][] divergences = new double[variants.length][rows.length];
    long step = stack.rowsAtATime();
    // Rows without a next token are in chunks of their own, so that the others' sums are those of
    // CausalStack.loss.
    for (long start = 0; start < rows.length; ) {
      long count = Math.min(step, (start < known ? known : rows.length) - start);
      int at = Math.toIntExact(start);
      try (TensorScope chunk = TensorScope.open()) {
        Tensor first = logProbabilities(0, start, count);
        Tensor weights = first.exp();
        for (int v = 0; v < variants.length; v++) {
          try (TensorScope own = TensorScope.open()) {
            Tensor each = v == 0 ? first : logProbabilities(v, start, count);
            if (start < known) {
              long[] ids = Arrays.copyOfRange(next.ids(), at, at + (int) count);
              Tensor taken = each.gather(1, Tensor.ofLongs(ids, count, 1).to(stack.device()));
              sums[v] -= taken.to(DType.F64).sum().item();
              put(taken.toDoubles(), -1, losses[v], at);
            }
            if (v > 0) {
              Tensor apart = weights.mul(first.sub(each)).sum(false, 1);
              put(apart.toDoubles(), 1, divergences[v], at);
            }
          }
        }
      }
      start += count;
    }
    List<TokenLoss> total = Arrays.stream(sums).mapToObj(s -> new TokenLoss(s, known)).toList();
    return new Predictions(positions, known, total, losses, divergences);
  }

  private Tensor logProbabilities(int variant, long start, long count) {
    return stack.logits(variants[variant].narrow(0, start, count)).to(DType.F32).logSoftmax(1);
  }

  private static void put(double[] values, int sign, double[] into, int at) {
    for (int i = 0; i < values.length; i++) {
      into[at + i] = sign * values[i];
    }
  }

  @Override
  public void close() {
    kept.close();
  }
}
