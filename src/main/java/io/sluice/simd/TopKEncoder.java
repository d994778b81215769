package io.sluice.simd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Encodes tokens and selects the exact top k of each in one pass, without ever holding a {@code
 * tokens × features} matrix: a tile's pre-activations are compared with each token's running
 * threshold while they are in registers, and the few that pass go to a buffer of the token.
 *
 * <p>Tokens are shared out among threads and every token meets the features in ascending order, so
 * results do not depend on the number of threads. Of equal ranks the lower feature stays.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class TopKEncoder {
  /** Panels of one task: their tokens stay in the second-level cache while all weights pass by. */
  private static final int TASK_BYTES = 768 << 10;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final SparseKernels kernels;
  private final Workers workers;
  private final ArrayDeque<Scratch> idle = new ArrayDeque<>();

  public TopKEncoder(SparseKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
  }

  /**
   * The weights of an encoder.
   *
   * @param rows {@code [features, width]}, float32
   * @param bias one per feature, with room for {@link SparseKernels#TILE_FEATURES} − 1 more
   * @param ranks what a pre-activation is multiplied by to rank it, positive; 1 ranks by value; as
   *     long as {@code bias}, and zero past the last feature
   * @param features their number
   * @param width values per row
   */
  public record Weights(MemorySegment rows, float[] bias, float[] ranks, int features, int width) {

    /** The least length of {@code bias} and {@code ranks}. */
    public static int paddedLength(int features) {
      int tile = SparseKernels.TILE_FEATURES;
      return Math.multiplyExact(Math.ceilDiv(features, tile), tile);
    }

    public Weights {
      if (rows.byteSize() < (long) features * width * Float.BYTES
          || bias.length < paddedLength(features)
          || ranks.length < paddedLength(features)) {
        throw new IllegalArgumentException(
            "weights of %d x %d need %d bytes and %d biases and ranks, not %d, %d and %d"
                .formatted(
                    features,
                    width,
                    (long) features * width * Float.BYTES,
                    paddedLength(features),
                    rows.byteSize(),
                    bias.length,
                    ranks.length));
      }
    }
  }

  /**
   * Finds the codes of {@code count} tokens: of each the {@code k} features of highest rank whose
   * value is positive, fewer where fewer are.
   *
   * @param tokens {@code [count, width]}
   * @param features receives token {@code r}'s features, ascending, from {@code r·k} on
   * @param values receives their values
   * @param counts receives how many each token has
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   */
  public void encode(
      Weights weights,
      float[] tokens,
      int count,
      int k,
      int[] features,
      float[] values,
      int[] counts) {
    int lanes = kernels.panelWidth();
    int panels = Math.ceilDiv(count, lanes);
    int panelBytes = weights.width() * lanes * Float.BYTES;
    int most = Math.max(1, TASK_BYTES / panelBytes);
    // Two tasks a thread at least: threads are seldom equally fast.
    int perTask = Math.clamp(Math.ceilDiv(panels, 2 * workers.threads()), 1, most);
    workers.run(
        Math.ceilDiv(panels, perTask),
        task -> {
          Scratch scratch = take();
          try {
            int first = task * perTask;
            int share = Math.min(perTask, panels - first);
            scratch.fit(weights.width(), share * lanes, k, weights.features());
            encodePanels(weights, tokens, count, first, share, k, scratch);
            scratch.copyTo(
                first * lanes,
                Math.min(count, (first + share) * lanes),
                k,
                features,
                values,
                counts);
          } finally {
            give(scratch);
          }
        });
  }

  private void encodePanels(
      Weights weights, float[] tokens, int count, int first, int share, int k, Scratch scratch) {
    int lanes = kernels.panelWidth();
    int width = weights.width();
    int panelLength = width * lanes;
    requireFinite(tokens, first * lanes, Math.min(count, (first + share) * lanes), weights.width());
    for (int p = 0; p < share; p++) {
      kernels.packTokens(
          tokens, (first + p) * lanes, count, width, scratch.panels, p * panelLength);
    }
    int tile = SparseKernels.TILE_FEATURES;
    for (int feature = 0; feature < weights.features(); feature += tile) {
      int rows = Math.min(tile, weights.features() - feature);
      MemorySegment.copy(
          weights.rows(),
          FLOAT,
          (long) feature * width * Float.BYTES,
          scratch.rows,
          0,
          rows * width);
      Arrays.fill(scratch.rows, rows * width, tile * width, 0);
      for (int p = 0; p < share; p++) {
        if (kernels.encodeTile(
            scratch.rows,
            weights.bias(),
            weights.ranks(),
            feature,
            scratch.panels,
            p * panelLength,
            width,
            scratch.thresholds,
            p * lanes,
            scratch.tile)) {
          for (int i = 0; i < tile; i++) {
            float rank = weights.ranks()[feature + i];
            long passed =
                kernels.above(scratch.tile, i * lanes, rank, scratch.thresholds, p * lanes);
            for (; passed != 0; passed &= passed - 1) {
              int lane = Long.numberOfTrailingZeros(passed);
              float value = scratch.tile[i * lanes + lane];
              scratch.offer(p * lanes + lane, feature + i, value, rank * value, k);
            }
          }
        }
      }
    }
  }

  /** A NaN would pass every comparison by and be missing from the codes without a word. */
  private static void requireFinite(float[] tokens, int first, int end, int width) {
    int largest = 0;
    for (int i = first * width; i < end * width; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(tokens[i]) & 0x7fff_ffff);
    }
    if (largest >= 0x7f80_0000) {
      for (int i = first * width; i < end * width; i++) {
        if (!Float.isFinite(tokens[i])) {
          throw new NonFiniteException(i / width, i % width, tokens[i]);
        }
      }
    }
  }

  private Scratch take() {
    synchronized (idle) {
      Scratch scratch = idle.poll();
      return scratch == null ? new Scratch() : scratch;
    }
  }

  private void give(Scratch scratch) {
    synchronized (idle) {
      idle.push(scratch);
    }
  }

  /** What one task works with: packed operands, and the candidates of its tokens. */
  private static final class Scratch {
    float[] panels = new float[0];
    float[] rows = new float[0];
    float[] tile = new float[0];
    float[] thresholds = new float[0];
    private int capacity;
    private int[] held = new int[0];
    private int[] features = new int[0];
    private float[] values = new float[0];
    private float[] ranks = new float[0];
    private float[] sorting = new float[0];

    void fit(int width, int tokens, int k, int allFeatures) {
      capacity = Math.min(allFeatures, Math.max(2 * k, k + 64));
      if (panels.length < width * tokens) {
        panels = new float[width * tokens];
      }
      if (rows.length < width * SparseKernels.TILE_FEATURES) {
        rows = new float[width * SparseKernels.TILE_FEATURES];
      }
      if (held.length < tokens) {
        held = new int[tokens];
        thresholds = new float[tokens];
        tile = new float[SparseKernels.TILE_FEATURES * Long.SIZE];
      }
      int slots = Math.multiplyExact(tokens, capacity);
      if (features.length < slots) {
        features = new int[slots];
        values = new float[slots];
        ranks = new float[slots];
      }
      if (sorting.length < capacity) {
        sorting = new float[capacity];
      }
      Arrays.fill(held, 0);
      // Only what is positive after ReLU counts.
      Arrays.fill(thresholds, 0);
    }

    void offer(int token, int feature, float value, float rank, int k) {
      if (held[token] == capacity) {
        keepLargest(token, k);
        if (!(rank > thresholds[token])) {
          return;
        }
      }
      int slot = token * capacity + held[token]++;
      features[slot] = feature;
      values[slot] = value;
      ranks[slot] = rank;
    }

    /**
     * Drops all but the k highest ranks; what stays keeps its order, and ties the lower feature.
     */
    private void keepLargest(int token, int k) {
      int from = token * capacity;
      int count = held[token];
      if (count <= k) {
        return;
      }
      System.arraycopy(ranks, from, sorting, 0, count);
      float least = kthLargest(sorting, count, k);
      int greater = 0;
      for (int slot = from; slot < from + count; slot++) {
        if (ranks[slot] > least) {
          greater++;
        }
      }
      int equal = k - greater;
      int to = from;
      for (int slot = from; slot < from + count; slot++) {
        float rank = ranks[slot];
        if (rank > least || rank == least && equal-- > 0) {
          features[to] = features[slot];
          values[to] = values[slot];
          ranks[to++] = rank;
        }
      }
      held[token] = k;
      thresholds[token] = least;
    }

    /** Quickselect; reorders {@code a}. */
    private static float kthLargest(float[] a, int count, int k) {
      int low = 0;
      int high = count - 1;
      int target = k - 1;
      while (low < high) {
        float pivot = a[(low + high) >>> 1];
        int i = low;
        int j = high;
        while (i <= j) {
          while (a[i] > pivot) {
            i++;
          }
          while (a[j] < pivot) {
            j--;
          }
          if (i <= j) {
            float swap = a[i];
            a[i++] = a[j];
            a[j--] = swap;
          }
        }
        if (target <= j) {
          high = j;
        } else if (target >= i) {
          low = i;
        } else {
          return a[target];
        }
      }
      return a[target];
    }

    void copyTo(int first, int end, int k, int[] allFeatures, float[] allValues, int[] allCounts) {
      for (int token = first; token < end; token++) {
        int own = token - first;
        keepLargest(own, k);
        System.arraycopy(features, own * capacity, allFeatures, token * k, held[own]);
        System.arraycopy(values, own * capacity, allValues, token * k, held[own]);
        allCounts[token] = held[own];
      }
    }
  }
}
