package io.sluice.simd.layers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The loss is that of its definition in float64, whatever the sizes and the number of threads. */
class RowLogLossTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @Tag("slow")
  @Test
  void isMinusTheLogarithmOfTheSoftmax() {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(3);
        Workers alone = Workers.of(1)) {
      RowLogLoss shared = new RowLogLoss(workers);
      RowLogLoss single = new RowLogLoss(alone);
      for (int trial = 0; trial < 20; trial++) {
        int rows = trial == 0 ? 0 : 1 + random.nextInt(200);
        int in = trial == 1 ? 3000 : 1 + random.nextInt(40);
        int classes = trial == 2 ? 1 : 1 + random.nextInt(3000);
        float cap = trial % 3 == 0 ? 4 : 0;
        float[] weights = floats(random, classes * in);
        float[] x = floats(random, rows * in);
        int[] targets = random.ints(rows, 0, classes).toArray();
        RowLogLoss.Head head = new RowLogLoss.Head(memory(arena, weights), classes, in, cap);
        MemorySegment input = memory(arena, x);
        double[] losses = shared.losses(head, input, targets);
        assertThat(losses).hasSize(rows).isEqualTo(single.losses(head, input, targets));
        for (int i = 0; i < rows; i++) {
          double exact = loss(weights, x, i, classes, in, cap, targets[i]);
          // Logits are sums of up to 3000 products of up to 1, each rounded.
          assertThat(losses[i]).isCloseTo(exact, within(2e-5 + 1e-6 * in));
        }
      }
    }
  }

  @Test
  void comparesVariantsByTheirDefinition() {
    Random random = new Random(Seeds.seed());
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(3);
        Workers alone = Workers.of(1)) {
      for (int trial = 0; trial < 6; trial++) {
        int rows = 1 + random.nextInt(130);
        int known = trial == 0 ? 0 : random.nextInt(rows + 1);
        int in = 1 + random.nextInt(40);
        int classes = trial == 1 ? 1 : 1 + random.nextInt(2500);
        float cap = trial % 2 == 0 ? 4 : 0;
        float[] weights = floats(random, classes * in);
        float[] x = floats(random, 3 * rows * in);
        int[] targets = random.ints(known, 0, classes).toArray();
        RowLogLoss.Head head = new RowLogLoss.Head(memory(arena, weights), classes, in, cap);
        MemorySegment input = memory(arena, x);
        RowLogLoss loss = new RowLogLoss(workers);
        RowLogLoss.Compared found = loss.compare(head, input, 3, rows, targets);
        RowLogLoss.Compared single = new RowLogLoss(alone).compare(head, input, 3, rows, targets);
        long bytes = (long) rows * in * Float.BYTES;
        double[][] clean = new double[rows][];
        for (int v = 0; v < 3; v++) {
          assertThat(found.divergences()[v]).isEqualTo(single.divergences()[v]);
          // The losses have the bits of those of one variant alone.
          MemorySegment own = input.asSlice(v * bytes, bytes);
          assertThat(found.losses()[v]).isEqualTo(loss.losses(head, own, targets));
          for (int row = 0; row < rows; row++) {
            double[] logs = logProbabilities(weights, x, v * rows + row, classes, in, cap);
            clean[row] = v == 0 ? logs : clean[row];
            double apart = 0;
            for (int j = 0; j < classes; j++) {
              apart += Math.exp(clean[row][j]) * (clean[row][j] - logs[j]);
            }
            assertThat(found.divergences()[v][row]).isCloseTo(apart, within(2e-5 + 1e-6 * in));
          }
        }
        assertThatThrownBy(() -> loss.compare(head, input, 3, rows, new int[rows + 1]))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> loss.compare(head, input, 4, rows, targets))
            .isInstanceOf(IndexOutOfBoundsException.class);
      }
    }
  }

  private static double[] logProbabilities(
      float[] weights, float[] x, int row, int classes, int in, float cap) {
    double[] logs = new double[classes];
    double none = loss(weights, x, row, classes, in, cap, 0);
    for (int j = 0; j < classes; j++) {
      logs[j] = -none + logit(weights, x, row, j, in, cap) - logit(weights, x, row, 0, in, cap);
    }
    return logs;
  }

  private static double logit(float[] weights, float[] x, int row, int j, int in, float cap) {
    double logit = 0;
    for (int t = 0; t < in; t++) {
      logit += (double) x[row * in + t] * weights[j * in + t];
    }
    return cap > 0 ? cap * Math.tanh(logit / cap) : logit;
  }

  @Test
  void survivesLogitsThatExpDoesNot() {
    try (Arena arena = Arena.ofShared()) {
      float[] weights = {1000, -1000, 0};
      RowLogLoss loss = new RowLogLoss(Workers.of(1));
      RowLogLoss.Head head = new RowLogLoss.Head(memory(arena, weights), 3, 1, 0);
      MemorySegment x = memory(arena, new float[] {1, Float.NaN});
      double[] losses = loss.losses(head, x, new int[] {1, 0});
      assertThat(losses[0]).isEqualTo(2000);
      assertThat(losses[1]).isNaN();
      assertThatThrownBy(() -> loss.losses(head, x, new int[] {3}))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> loss.losses(head, x, new int[3]))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> new RowLogLoss.Head(x, 3, 1, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  private static double loss(
      float[] weights, float[] x, int row, int classes, int in, float cap, int target) {
    double[] logits = new double[classes];
    double sum = 0;
    for (int j = 0; j < classes; j++) {
      for (int t = 0; t < in; t++) {
        logits[j] += (double) x[row * in + t] * weights[j * in + t];
      }
      logits[j] = cap > 0 ? cap * Math.tanh(logits[j] / cap) : logits[j];
      // At most 3000 in all: far from where exp ends, but for the widest rows, which are shifted.
      sum += Math.exp(logits[j] - in / 8.0);
    }
    return Math.log(sum) + in / 8.0 - logits[target];
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return values;
  }

  private static MemorySegment memory(Arena arena, float[] values) {
    MemorySegment memory = arena.allocate(Math.max(4, 4L * values.length), 64);
    MemorySegment.copy(values, 0, memory, FLOAT, 0, values.length);
    return memory;
  }
}
