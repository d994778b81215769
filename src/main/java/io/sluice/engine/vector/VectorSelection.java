package io.sluice.engine.vector;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.BatchEncoder;
import io.sluice.simd.batch.BatchTopKEncoder;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.SparseRows;
import io.sluice.simd.batch.ThresholdEncoder;
import io.sluice.simd.batch.TopKEncoder;
import java.util.Arrays;
import java.util.List;

/** Finds the codes of a batch: each selection has an encoder that selects while it multiplies. */
final class VectorSelection implements AutoCloseable {
  private final EngineSpec spec;
  private final VectorParameters parameters;
  private final VectorBatch batch;
  private final Workers workers;
  private final Prepared<TopKEncoder> largest;
  private final Prepared<ThresholdEncoder> above;
  private final Prepared<BatchTopKEncoder> largestOfAll;
  private final Prepared<TopKEncoder> furthest;
  private final SparseRows sparse = new SparseRows();

  /** The encoder that was used last; null before. */
  private Prepared<?> used;

  private EncoderWeights weights;

  /** {@link VectorParameters#version} of {@link #weights}. */
  private long version = -1;

  /** The version since which {@link VectorParameters#moved} says what moved. */
  private long movedSince = -1;

  /** {@code k} places for each token, and how many of them are taken. */
  private int[] selected = new int[0];

  private float[] selectedValues = new float[0];
  private int[] selectedCounts = new int[0];

  /** Made at the first selection of dead features. */
  private DeadRows deadRows;

  /** Finds the best decoder row for a residual; made at the first pursuit. */
  private TopKEncoder pursuing;

  private EncoderWeights decoderRows;

  VectorSelection(
      EngineSpec spec, VectorParameters parameters, VectorBatch batch, Workers workers) {
    this.spec = spec;
    this.parameters = parameters;
    this.batch = batch;
    this.workers = workers;
    largest = new Prepared<>(new TopKEncoder(workers, Int8Units::product));
    above = new Prepared<>(new ThresholdEncoder(workers, Int8Units::product));
    largestOfAll = new Prepared<>(new BatchTopKEncoder(workers, Int8Units::product));
    furthest = new Prepared<>(TopKEncoder.byAmount(workers, Int8Units::product));
  }

  /** An encoder, and the {@link VectorParameters#version} of its weights. */
  private static final class Prepared<E extends BatchEncoder> {
    private final E encoder;
    private long version = -1;

    Prepared(E encoder) {
      this.encoder = encoder;
    }
  }

  /** The encoder with the weights as they are now, after {@link #load}. */
  private <E extends BatchEncoder> E current(Prepared<E> prepared) {
    if (prepared.version != version) {
      prepared.encoder.prepare(weights, prepared.version == movedSince ? parameters.moved() : null);
      parameters.clearMoved();
      prepared.version = version;
      movedSince = version;
    }
    used = prepared;
    return prepared.encoder;
  }

  /**
   * Whether rows can be prepared for the next encoding while they are updated. If so, they need not
   * be marked as moved: encoders other than the last will take all rows as moved.
   */
  boolean startFollowing() {
    BatchEncoder.Follower follower = null;
    if (used != null && used.version == parameters.version() && !spec.scoreByDecoderNorm()) {
      follower = used.encoder.follower();
    }
    if (follower == null) {
      return false;
    }
    follower.end();
    for (Prepared<?> other : List.of(largest, above, largestOfAll, furthest)) {
      if (other != used) {
        other.version = -1;
      }
    }
    return true;
  }

  /** What prepares rows, for one thread, after {@link #startFollowing}. */
  BatchEncoder.Follower follower() {
    return used.encoder.follower();
  }

  /** The bounds used by the last encoder. */
  String screen() {
    return used == null ? "none" : used.encoder.screen();
  }

  void encode(Rows input, ActivationFunction selection, Codes codes) {
    int rows = input.count();
    load(input);
    switch (selection) {
      case TopK(int k) -> {
        fitSelected(rows, k);
        current(largest).encode(batch.seen, rows, k, selected, selectedValues, selectedCounts);
        fill(codes, rows, k);
      }
      case AbsTopK(int k) -> {
        fitSelected(rows, k);
        current(furthest).encode(batch.seen, rows, k, selected, selectedValues, selectedCounts);
        fill(codes, rows, k);
      }
      case BatchTopK shared -> {
        float least =
            current(largestOfAll)
                .encode(batch.seen, rows, Math.multiplyExact(rows, shared.k()), sparse);
        fill(codes);
        codes.setLeastScore(least);
      }
      default -> throw new IllegalArgumentException("not a count of features: " + selection);
    }
  }

  void encodeAbove(Rows input, float[] bounds, Codes codes) {
    load(input);
    current(above).encode(bounds, batch.seen, input.count(), sparse);
    fill(codes);
  }

  void encodeAmong(int[] features, int count, int k, Codes found) {
    if (deadRows == null) {
      deadRows = new DeadRows(workers, spec);
    }
    int rows = batch.rows;
    fitSelected(rows, k);
    deadRows.gather(
        parameters.encoder, parameters.encoderBias(), parameters.factors(), features, count);
    deadRows.encoder().encode(batch.seen, rows, k, selected, selectedValues, selectedCounts);
    found.begin(rows, rows * k);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = row * k; i < row * k + selectedCounts[row]; i++) {
        found.set(entry++, features[selected[i]], selectedValues[i]);
      }
      found.endRow(entry);
    }
  }

  void startPursuit() {
    int features = spec.features();
    if (pursuing == null) {
      pursuing = new TopKEncoder(workers, Int8Units::product);
      float[] ones = new float[features];
      Arrays.fill(ones, 1);
      decoderRows =
          new EncoderWeights(
              parameters.decoder, new float[features], ones, features, spec.outputWidth());
    }
    pursuing.prepare(decoderRows);
  }

  void bestFeatures(float[] vectors, int count, int[] features) {
    fitSelected(count, 1);
    pursuing.encode(vectors, count, 1, features, selectedValues, selectedCounts);
    for (int row = 0; row < count; row++) {
      features[row] = selectedCounts[row] == 0 ? -1 : features[row];
    }
  }

  /** Makes ready what encoding reads: the weights, and the batch as the encoder sees it. */
  void load(Rows input) {
    if (version != parameters.version()) {
      weights = parameters.weights();
      version = parameters.version();
    }
    batch.seen =
        ScratchArrays.atLeast(batch.seen, Math.multiplyExact(input.count(), spec.inputWidth()));
    batch.load(input, spec.subtractDecoderBias() ? parameters.decoderBias : null, batch.seen);
  }

  private void fitSelected(int rows, int k) {
    int slots = Math.multiplyExact(rows, k);
    selected = ScratchArrays.atLeast(selected, slots);
    selectedValues = ScratchArrays.atLeast(selectedValues, slots);
    selectedCounts = ScratchArrays.atLeast(selectedCounts, rows);
  }

  private void fill(Codes codes) {
    codes.begin(sparse.rows(), sparse.entries());
    for (int row = 0; row < sparse.rows(); row++) {
      for (int entry = sparse.offset(row); entry < sparse.offset(row + 1); entry++) {
        codes.put(entry, sparse.features()[entry], sparse.values()[entry]);
      }
      codes.endRow(sparse.offset(row + 1));
    }
  }

  private void fill(Codes codes, int rows, int k) {
    codes.begin(rows, rows * k);
    int entry = 0;
    for (int row = 0; row < rows; row++) {
      for (int i = row * k; i < row * k + selectedCounts[row]; i++) {
        codes.put(entry++, selected[i], selectedValues[i]);
      }
      codes.endRow(entry);
    }
  }

  @Override
  public void close() {
    if (deadRows != null) {
      deadRows.close();
    }
  }
}
