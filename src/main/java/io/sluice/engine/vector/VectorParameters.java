package io.sluice.engine.vector;

import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.arithmetic.SiteNorms;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.MappedPages;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TableRows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@link DictionaryParameters} and moments of a {@link VectorArithmetic}, and values for encoding
 * that follow from them: biases and, if scores include it, the lengths of decoder rows.
 */
final class VectorParameters implements AutoCloseable {
  final MemorySegment encoder;
  final MemorySegment decoder;

  /** The decoder bias as it was when it was last read. */
  final float[] decoderBias;

  private final EngineSpec spec;
  private final TableRows table = new TableRows();
  private final VectorTasks tasks;
  private final Arena arena = Arena.ofShared();
  private final Map<String, MemorySegment> state = new LinkedHashMap<>();
  private final float[] encoderBias;

  /** By feature, what its value is multiplied with for its score. */
  private final float[] factors;

  private final boolean[] moved;
  private boolean allMoved = true;
  private long version;

  /**
   * Copies the initial parameters, with moments of zero.
   *
   * @param initial null for zeros
   * @param inPlace whether the weights themselves are used, for reading only
   */
  VectorParameters(
      EngineSpec spec, DictionaryParameters initial, VectorTasks tasks, boolean inPlace) {
    this.spec = spec;
    this.tasks = tasks;
    if (inPlace) {
      state.put(EngineState.ENCODER, initial.encoder().asReadOnly());
      state.put(EngineState.DECODER, initial.decoder().asReadOnly());
    }
    for (StateTensor tensor : tensors()) {
      state.computeIfAbsent(tensor.name(), n -> HugeMemory.allocate(tensor.bytes(), arena));
    }
    encoder = state.get(EngineState.ENCODER);
    decoder = state.get(EngineState.DECODER);
    if (!inPlace && initial != null) {
      MappedPages.copy(initial.encoder(), encoder);
      MappedPages.copy(initial.decoder(), decoder);
    }
    if (initial != null) {
      state.get(EngineState.ENCODER_BIAS).copyFrom(initial.encoderBias());
      state.get(EngineState.DECODER_BIAS).copyFrom(initial.decoderBias());
    }
    encoderBias = new float[spec.features()];
    factors = new float[spec.features()];
    moved = new boolean[spec.features()];
    decoderBias = new float[spec.outputWidth()];
  }

  List<StateTensor> tensors() {
    return EngineState.ofLazyAdam(spec);
  }

  /** The memory of a tensor; null once this is closed. */
  MemorySegment get(String name) {
    return state.get(name);
  }

  /** Declares that parameters have changed or are about to. */
  void changed() {
    version++;
    allMoved = true;
  }

  /** Declares that the rows and biases that {@link #moved} marks have changed, and no others. */
  void rowsChange() {
    version++;
  }

  /** Records that a feature's row and bias change; any number of threads may, each for others. */
  void moved(int feature) {
    moved[feature] = true;
  }

  /** By feature, whether it moved since {@link #clearMoved}; null if all may have. */
  boolean[] moved() {
    return allMoved ? null : moved;
  }

  /** Forgets what moved. */
  void clearMoved() {
    allMoved = false;
    Arrays.fill(moved, false);
  }

  /** Another number after each change. */
  long version() {
    return version;
  }

  /** The weights of the encoder as they are now; biases and factors are copies. */
  EncoderWeights weights() {
    readEncoderBias(encoderBias);
    readDecoderBias();
    readFactors();
    return new EncoderWeights(encoder, encoderBias, factors, spec.features(), spec.inputWidth());
  }

  float[] encoderBias() {
    return encoderBias;
  }

  float[] factors() {
    return factors;
  }

  /** The bias of a feature as it is now. */
  float encoderBias(int feature) {
    return state.get(EngineState.ENCODER_BIAS).getAtIndex(DictionaryParameters.FLOAT, feature);
  }

  void readEncoderBias(float[] out) {
    copy(state.get(EngineState.ENCODER_BIAS), out, out.length);
  }

  void readDecoderBias() {
    copy(state.get(EngineState.DECODER_BIAS), decoderBias, decoderBias.length);
  }

  private static void copy(MemorySegment from, float[] to, int count) {
    MemorySegment.copy(from, DictionaryParameters.FLOAT, 0, to, 0, count);
  }

  void copyDecoderRow(int feature, float[] out, int at) {
    int width = spec.outputWidth();
    long from = (long) feature * width * Float.BYTES;
    MemorySegment.copy(decoder, DictionaryParameters.FLOAT, from, out, at, width);
  }

  void readDecoderNorms(double[] out) {
    int width = spec.outputWidth();
    if (spec.siteCount() > 1) {
      tasks.forFeatures(
          (task, first, end) -> {
            float[] row = new float[width];
            for (int feature = first; feature < end; feature++) {
              copyDecoderRow(feature, row, 0);
              out[feature] = SiteNorms.of(row, 0, spec.sites());
            }
          });
      return;
    }
    tasks.forFeatures(
        (task, first, end) -> {
          table.squareRows(decoder, width, first, end, out);
          for (int feature = first; feature < end; feature++) {
            out[feature] = Math.sqrt(out[feature]);
          }
        });
  }

  private void readFactors() {
    int features = spec.features();
    if (!spec.scoreByDecoderNorm()) {
      Arrays.fill(factors, 0, features, 1);
      return;
    }
    if (spec.siteCount() > 1) {
      double[] norms = new double[features];
      readDecoderNorms(norms);
      for (int feature = 0; feature < features; feature++) {
        factors[feature] = Math.max((float) norms[feature], 1e-30f);
      }
      return;
    }
    int width = spec.outputWidth();
    tasks.forFeatures(
        (task, first, end) -> {
          VectorTasks.Scratch own = tasks.scratch();
          own.fit(width, 1);
          for (int feature = first; feature < end; feature++) {
            copyDecoderRow(feature, own.gradient, 0);
            own.tokens[0] = feature;
            table.dotRows(decoder, width, own.tokens, 0, 1, own.gradient, 0, own.forDecoder);
            // A feature with a decoder row of zeros still has a score above those that are not
            // active.
            factors[feature] = Math.max((float) Math.sqrt(own.forDecoder[0]), 1e-30f);
          }
        });
  }

  @Override
  public void close() {
    state.clear();
    arena.close();
  }
}
