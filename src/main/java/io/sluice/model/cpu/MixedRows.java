package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Workers;
import io.sluice.model.parts.Routing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Computes mixtures of experts of some rows; memory of one thread. */
final class MixedRows {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final GrowingMemory logits = new GrowingMemory();
  private final GrowingMemory gathered = new GrowingMemory();
  private final GrowingMemory inner = new GrowingMemory();
  private final GrowingMemory written = new GrowingMemory();
  private final GrowingMemory shared = new GrowingMemory();

  /**
   * The output of a mixture. Experts that no row goes to are not computed.
   *
   * @param rows {@code [count, width]}
   * @param to of the same shape, other memory
   */
  void run(
      CpuMlp.Mixture mixture, MemorySegment rows, int count, MemorySegment to, Workers workers) {
    int width = mixture.router().in();
    int experts = mixture.experts().size();
    float[] routed = product(mixture.router(), rows, count, workers);
    Routing routing = Routing.of(routed, experts, mixture.chosen(), mixture.normalised());
    MemorySegment results = written.of((long) count * mixture.chosen(), width);
    for (int expert = 0; expert < experts; expert++) {
      int taken = routing.count(expert);
      if (taken > 0) {
        MemorySegment read = gathered.of(taken, width);
        for (int i = 0; i < taken; i++) {
          int token = routing.token(routing.first(expert) + i);
          row(read, i, width).copyFrom(row(rows, token, width));
        }
        MemorySegment result = results.asSlice((long) routing.first(expert) * width * Float.BYTES);
        write(mixture.experts().get(expert), read, taken, result, workers);
      }
    }
    float[] gates = null;
    MemorySegment whole = null;
    if (mixture.shared() != null) {
      gates = product(mixture.sharedGate(), rows, count, workers);
      whole = shared.of(count, width);
      write(mixture.shared(), rows, count, whole, workers);
    }
    float[] sum = new float[width];
    float[] part = new float[width];
    for (int token = 0; token < count; token++) {
      Arrays.fill(sum, 0);
      for (int i = 0; i < mixture.chosen(); i++) {
        add(results, routing.place(token, i), routing.weight(token, i), part, sum);
      }
      if (whole != null) {
        add(whole, token, (float) (1 / (1 + Math.exp(-gates[token]))), part, sum);
      }
      MemorySegment.copy(sum, 0, to, FLOAT, (long) token * width * Float.BYTES, width);
    }
  }

  private float[] product(LayerMatrix matrix, MemorySegment rows, int count, Workers workers) {
    MemorySegment result = logits.of(count, matrix.out());
    matrix.multiply(rows, count, result, workers);
    return result.toArray(FLOAT);
  }

  private void write(
      CpuMlp.Dense expert, MemorySegment rows, int count, MemorySegment to, Workers workers) {
    MemorySegment hidden = inner.of(count, expert.up().out());
    expert.inner(rows, count, hidden, workers);
    expert.down().multiply(hidden, count, to, workers);
  }

  /** {@code sum += weight · row}. */
  private static void add(MemorySegment rows, int row, float weight, float[] part, float[] sum) {
    MemorySegment.copy(rows, FLOAT, (long) row * sum.length * Float.BYTES, part, 0, sum.length);
    for (int i = 0; i < sum.length; i++) {
      sum[i] += weight * part[i];
    }
  }

  private static MemorySegment row(MemorySegment memory, long row, int width) {
    long bytes = (long) width * Float.BYTES;
    return memory.asSlice(row * bytes, bytes);
  }
}
