package io.sluice.simd.batch;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Encodes tokens and selects of each the top k by absolute value, keeping signs, without ever
 * holding a {@code tokens × features} matrix. A tile of pre-activations is compared with each
 * token's running threshold from both sides while it is in the first-level cache; what passes goes
 * into the token's heap. The few values that stay are computed once more, always by the same row
 * product. Of equal factors the lower feature stays.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class AbsTopKEncoder {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 640 << 10;

  private static final int TILE = SparseKernels.TILE_FEATURES;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final SparseKernels kernels;
  private final Workers workers;
  private final List<Task> tasks = new ArrayList<>();

  /** An encoder; weights come with each call. */
  public AbsTopKEncoder(Workers workers) {
    this(SparseKernels.ofThisMachine(), workers);
  }

  AbsTopKEncoder(SparseKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /**
   * Finds the codes of {@code count} tokens: of each the {@code k} features whose value times
   * factor is furthest from 0, fewer where fewer are not 0.
   *
   * @param tokens {@code [count, width]}
   * @param features receives token {@code r}'s features, ascending, from {@code r·k} on
   * @param values receives their values, of either sign
   * @param counts receives how many each token has
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   */
  public void encode(
      EncoderWeights weights,
      float[] tokens,
      int count,
      int k,
      int[] features,
      float[] values,
      int[] counts) {
    PanelTasks cut =
        PanelTasks.of(count, kernels.panelWidth(), weights.width(), TASK_BYTES, workers);
    while (tasks.size() < cut.tasks()) {
      tasks.add(new Task());
    }
    workers.run(
        cut.tasks(),
        number -> {
          int first = cut.first(number);
          int end = cut.end(number);
          NonFiniteException.requireFinite(tokens, first, end, weights.width());
          tasks.get(number).run(weights, tokens, first, end, k, features, values, counts);
        });
  }

  /** The memory of a share of the tokens. */
  private final class Task {
    private final TopKHeaps heaps = new TopKHeaps();
    private final float[] bias = new float[TILE];
    private final float[] factors = new float[TILE];
    private final float[] tile = new float[TILE * kernels.panelWidth()];

    /** Below all that is finite: a tile is then always written. */
    private final float[] nothing = new float[kernels.panelWidth()];

    private final GrowingMemory panelMemory = new GrowingMemory();
    private MemorySegment panels = MemorySegment.NULL;
    private float[] rows = new float[0];
    private float[] thresholds = new float[0];

    void run(
        EncoderWeights weights,
        float[] tokens,
        int first,
        int end,
        int k,
        int[] features,
        float[] values,
        int[] counts) {
      int lanes = kernels.panelWidth();
      int width = weights.width();
      int share = Math.ceilDiv(end - first, lanes);
      fit(width, share * lanes);
      Arrays.fill(nothing, Float.NEGATIVE_INFINITY);
      Arrays.fill(thresholds, 0, share * lanes, 0);
      heaps.reset(share * lanes, k);
      for (int p = 0; p < share; p++) {
        kernels.packTokens(tokens, first + p * lanes, end, width, panels, (long) p * width * lanes);
      }
      for (int feature = 0; feature < weights.features(); feature += TILE) {
        int here = Math.min(TILE, weights.features() - feature);
        MemorySegment.copy(
            weights.rows(), FLOAT, (long) feature * width * Float.BYTES, rows, 0, here * width);
        Arrays.fill(rows, here * width, TILE * width, 0);
        Arrays.fill(factors, 1);
        System.arraycopy(weights.bias(), feature, bias, 0, here);
        System.arraycopy(weights.factors(), feature, factors, 0, here);
        for (int p = 0; p < share; p++) {
          if (kernels.encodeTile(
              rows, bias, factors, 0, panels, (long) p * width * lanes, width, nothing, 0, tile)) {
            for (int i = 0; i < here; i++) {
              offer(p * lanes, feature + i, i, end - first);
            }
          }
        }
      }
      for (int token = first; token < end; token++) {
        counts[token] = drain(weights, tokens, token, token - first, k, features, values);
      }
    }

    private void fit(int width, int padded) {
      panels = panelMemory.of(padded, width);
      rows = ScratchArrays.atLeast(rows, width * TILE);
      thresholds = ScratchArrays.atLeast(thresholds, padded);
    }

    private void offer(int panel, int feature, int row, int tokensHere) {
      int lanes = kernels.panelWidth();
      float factor = factors[row];
      long passed =
          kernels.above(tile, row * lanes, factor, thresholds, panel)
              | kernels.above(tile, row * lanes, -factor, thresholds, panel);
      for (; passed != 0; passed &= passed - 1) {
        int lane = Long.numberOfTrailingZeros(passed);
        int token = panel + lane;
        // Lanes past the last token hold zeros, which the bias alone may lift.
        if (token < tokensHere
            && heaps.offer(token, feature, Math.abs(factor * tile[row * lanes + lane]))) {
          thresholds[token] = heaps.least(token);
        }
      }
    }

    /** Writes out what a token kept, with its exact values. */
    private int drain(
        EncoderWeights weights,
        float[] tokens,
        int token,
        int own,
        int k,
        int[] features,
        float[] values) {
      int width = weights.width();
      int at = token * k;
      int found = heaps.drain(own, features, values, at);
      kernels.dotRows(
          weights.rows(), width, features, at, at + found, tokens, token * width, values);
      int kept = at;
      for (int i = at; i < at + found; i++) {
        float value = weights.bias()[features[i]] + values[i];
        if (value != 0) {
          features[kept] = features[i];
          values[kept++] = value;
        }
      }
      return kept - at;
    }
  }
}
