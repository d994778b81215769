package io.sluice.simd.layers;

import static io.sluice.simd.layers.LayerKernelsTest.at;
import static io.sluice.simd.layers.LayerKernelsTest.floats;
import static io.sluice.simd.layers.LayerKernelsTest.memory;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.Workers;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Attention agrees with its definition in float64, for all kinds of heads, masks and batches. */
class RowAttentionTest {
  private static final long SEED = Seeds.seed();

  @Tag("slow")
  @Test
  void agreesWithTheDefinition() {
    Random random = new Random(SEED);
    try (Workers workers = Workers.of(2)) {
      for (int trial = 0; trial < 30; trial++) {
        LayerKernels kernels =
            trial % 4 == 0 || LayerKernels.everyWidth().isEmpty()
                ? new ScalarLayerKernels(16, 6)
                : LayerKernels.everyWidth().get(trial % LayerKernels.everyWidth().size());
        compare(random, new RowAttention(kernels, workers), 1 + random.nextInt(70), 0);
      }
    }
  }

  @Tag("slow")
  @Test
  void sumsMoreKeysThanATileTakesAtOnce() {
    Random random = new Random(SEED);
    try (Workers workers = Workers.of(3)) {
      int length = 2 * LayerKernels.MOST_DEPTH + 1 + random.nextInt(40);
      compare(random, new RowAttention(workers), length, length - 7);
    }
  }

  @Tag("slow")
  @Test
  void productsMayBeALibrarys() {
    Random random = new Random(SEED);
    try (Workers workers = Workers.of(2)) {
      Attention attention = new BlockAttention(workers, RowAttentionTest::multiply);
      for (int trial = 0; trial < 30; trial++) {
        compare(random, attention, 1 + random.nextInt(200), 0);
      }
      compare(random, attention, 150, 149);
    }
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
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int t = 0; t < depth; t++) {
          sum +=
              (double) at(x, 0, (long) i * xStride + t)
                  * at(w, 0, transposed ? (long) j * wStride + t : (long) t * wStride + j);
        }
        y.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * ((long) i * yStride + j), (float) sum);
      }
    }
  }

  /** Heads of random shapes; from a past on, if there is one, they are causal. */
  private static void compare(Random random, Attention attention, int length, int past) {
    int groups = 1 + random.nextInt(3);
    int heads = groups * (1 + random.nextInt(3));
    int headDim = 2 * (1 + random.nextInt(40));
    int row = (heads + 2 * groups) * headDim + random.nextInt(5);
    boolean causal = past > 0 || random.nextInt(3) > 0;
    int window = past == 0 && random.nextBoolean() ? 1 + random.nextInt(20) : 0;
    float cap = random.nextInt(3) == 0 ? 2 : 0;
    int capacity = length + random.nextInt(4);
    int first = causal && past == 0 && random.nextInt(3) == 0 ? random.nextInt(length) : past;
    int[] lengths = new int[1 + random.nextInt(3)];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = causal ? length : 1 + random.nextInt(length);
    }
    float[] norm = random.nextInt(3) == 0 ? floats(random, headDim, 1) : null;
    boolean interleaved = heads == groups && random.nextBoolean();
    AttentionHeads layout =
        new AttentionHeads(
            heads,
            groups,
            headDim,
            row,
            0,
            interleaved ? 3 * headDim : headDim,
            interleaved ? headDim : heads * headDim,
            interleaved ? 3 * headDim : headDim,
            interleaved ? 2 * headDim : (heads + groups) * headDim,
            interleaved ? 3 * headDim : headDim,
            norm,
            norm,
            1e-5f,
            new AttentionHeads.Rule(causal, window, 0.4f, cap));
    int pairs = 1 + random.nextInt(headDim / 2);
    RotaryAngles angles = random.nextBoolean() ? angles(random, pairs, length) : null;
    Attention.Batch batch = new Attention.Batch(lengths.length, capacity, first, length, lengths);
    float[] rows = floats(random, lengths.length * capacity * row, 1);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment out =
          arena.allocate(
              (long) lengths.length * batch.queries() * layout.outputWidth() * Float.BYTES, 64);
      attention.run(layout, angles, batch, memory(arena, rows, 0), out);
      for (int context = 0; context < lengths.length; context++) {
        for (int query = first; query < lengths[context]; query++) {
          for (int head = 0; head < heads; head++) {
            double[] expected = defined(layout, angles, batch, rows, context, query, head);
            long at =
                ((long) (context * batch.queries() + query - first) * layout.outputWidth()
                        + head * headDim)
                    * Float.BYTES;
            for (int i = 0; i < headDim; i++) {
              assertThat((double) at(out, at, i)).isBetween(expected[i] - 3e-4, expected[i] + 3e-4);
            }
          }
        }
      }
    }
  }

  private static RotaryAngles angles(Random random, int pairs, int length) {
    float[] cosines = new float[pairs * length];
    float[] sines = new float[pairs * length];
    for (int i = 0; i < cosines.length; i++) {
      double angle = 6 * random.nextDouble();
      cosines[i] = (float) Math.cos(angle);
      sines[i] = (float) Math.sin(angle);
    }
    return new RotaryAngles(cosines, sines, pairs);
  }

  private static double[] defined(
      AttentionHeads heads,
      RotaryAngles angles,
      Attention.Batch batch,
      float[] rows,
      int context,
      int query,
      int head) {
    int group = head / (heads.heads() / heads.keyValueHeads());
    double[] q =
        part(
            heads,
            angles,
            batch,
            rows,
            context,
            query,
            heads.queryAt() + head * heads.queryStep(),
            true);
    AttentionHeads.Rule rule = heads.rule();
    int keys = batch.lengths()[context];
    double[] weights = new double[keys];
    double sum = 0;
    for (int key = 0; key < keys; key++) {
      boolean near = rule.window() == 0 || Math.abs(key - query) < rule.window();
      boolean seen = near && (!rule.causal() || key <= query);
      if (!seen) {
        continue;
      }
      double[] k =
          part(
              heads,
              angles,
              batch,
              rows,
              context,
              key,
              heads.keyAt() + group * heads.keyStep(),
              true);
      double score = 0;
      for (int i = 0; i < k.length; i++) {
        score += q[i] * k[i];
      }
      score *= rule.scale();
      score = rule.cap() > 0 ? rule.cap() * Math.tanh(score / rule.cap()) : score;
      weights[key] = Math.exp(score);
      sum += weights[key];
    }
    double[] mixed = new double[heads.headDim()];
    for (int key = 0; key < keys; key++) {
      double[] v =
          part(
              heads,
              angles,
              batch,
              rows,
              context,
              key,
              heads.valueAt() + group * heads.valueStep(),
              false);
      for (int i = 0; i < mixed.length; i++) {
        mixed[i] += weights[key] / sum * v[i];
      }
    }
    return mixed;
  }

  private static double[] part(
      AttentionHeads heads,
      RotaryAngles angles,
      Attention.Batch batch,
      float[] rows,
      int context,
      int row,
      int at,
      boolean transposed) {
    int from = (context * batch.capacity() + row) * heads.rowWidth() + at;
    double[] values = new double[heads.headDim()];
    double square = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = rows[from + i];
      square += values[i] * values[i] / values.length;
    }
    if (transposed && heads.queryNorm() != null) {
      for (int i = 0; i < values.length; i++) {
        values[i] *= heads.queryNorm()[i] / Math.sqrt(square + heads.normEpsilon());
      }
    }
    if (transposed && angles != null) {
      for (int i = 0; i < angles.pairs(); i++) {
        double cos = angles.cosines()[row * angles.pairs() + i];
        double sin = angles.sines()[row * angles.pairs() + i];
        double a = values[i];
        double b = values[i + angles.pairs()];
        values[i] = a * cos - b * sin;
        values[i + angles.pairs()] = b * cos + a * sin;
      }
    }
    return values;
  }

  @Test
  void refusesWhatDoesNotFit() {
    AttentionHeads.Rule rule = new AttentionHeads.Rule(true, 0, 1, 0);
    assertThatThrownBy(
            () -> new AttentionHeads(2, 1, 4, 15, 0, 4, 8, 4, 12, 4, null, null, 0, rule))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("row of 15");
    int wide = AttentionHeads.MOST_HEAD_DIM + 1;
    assertThatThrownBy(
            () -> new AttentionHeads(1, 1, wide, 9999, 0, 0, 0, 0, 0, 0, null, null, 0, rule))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("heads of width 2049");
    assertThatThrownBy(() -> new Attention.Batch(1, 4, 0, 5, new int[] {5}))
        .isInstanceOf(IllegalArgumentException.class);
    AttentionHeads heads = new AttentionHeads(2, 1, 4, 16, 0, 4, 8, 4, 12, 4, null, null, 0, rule);
    RowAttention attention = new RowAttention(Workers.of(1));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(3 * 16 * 4);
      Attention.Batch batch = Attention.Batch.of(3, new int[] {3});
      assertThatThrownBy(() -> attention.run(heads, null, batch, rows, arena.allocate(8)))
          .isInstanceOf(IndexOutOfBoundsException.class);
      RotaryAngles few = new RotaryAngles(new float[2], new float[2], 2);
      assertThatThrownBy(() -> attention.run(heads, few, batch, rows, arena.allocate(96)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 positions for heads of 4 at 3");
    }
  }
}
