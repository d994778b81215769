package io.sluice.engine.vector;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.FeatureGroups;
import io.sluice.engine.arithmetic.FiringClocks;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.arithmetic.HostFiringClocks;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The arithmetic of the CPU: fused vector kernels, no LibTorch. Encoding selects while it
 * multiplies ({@link VectorSelection}); decoding and gradients of codes take one pass over a
 * token's active rows ({@link VectorDecoding}); and a feature's weight gradients and its optimiser
 * step take one pass over its tokens, so that every active row is read and written once ({@link
 * VectorUpdate}).
 *
 * <p>The division of work into tasks does not depend on the number of threads, and so neither do
 * results.
 */
public final class VectorArithmetic implements Arithmetic {
  private final EngineSpec spec;
  private final VectorParameters parameters;
  private final VectorBatch batch;
  private final VectorSelection selection;
  private final VectorDecoding decoding;
  private final VectorUpdate update;
  private final HostFiringClocks clocks;

  /**
   * An arithmetic that starts from a copy of {@code initial}, with moments of zero.
   *
   * @param initial null for zeros
   * @param workers the threads to use; they stay the caller's
   * @param inPlace whether weights are read where they are, and never written
   */
  public VectorArithmetic(
      EngineSpec spec, DictionaryParameters initial, Workers workers, boolean inPlace) {
    this.spec = spec;
    VectorTasks tasks = new VectorTasks(workers, spec.features());
    parameters = new VectorParameters(spec, initial, tasks, inPlace);
    batch = new VectorBatch(tasks);
    selection = new VectorSelection(spec, parameters, batch, workers);
    decoding = new VectorDecoding(spec, parameters, batch, tasks);
    update = new VectorUpdate(spec, parameters, selection, batch, tasks);
    clocks = new HostFiringClocks(spec.features());
  }

  @Override
  public String name() {
    return "vector cpu " + KernelProvider.name();
  }

  @Override
  public String screen() {
    return selection.screen();
  }

  // ---- codes ----

  @Override
  public DeviceCodes encode(Rows input, ActivationFunction chosen, Codes codes) {
    selection.encode(input, chosen, codes);
    return null;
  }

  @Override
  public void encodeAbove(Rows input, float[] bounds, Codes codes) {
    selection.encodeAbove(input, bounds, codes);
  }

  @Override
  public void load(Rows input) {
    selection.load(input);
  }

  @Override
  public void encodeAmong(int[] features, int count, int k, Codes found) {
    selection.encodeAmong(features, count, k, found);
  }

  @Override
  public void readEncoderBias(float[] out) {
    parameters.readEncoderBias(out);
  }

  // ---- reconstruction and gradients of codes ----

  @Override
  public double decode(Rows input, Rows target, Codes codes, boolean gradients) {
    return decoding.decode(target, codes, gradients);
  }

  @Override
  public double decodeDead(Codes dead, double weight) {
    return decoding.decodeDead(dead, weight);
  }

  @Override
  public void residualProducts(Codes places, float[] out) {
    decoding.residualProducts(places, out);
  }

  @Override
  public void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out) {
    decoding.auxiliaryGradients(places, weights, out);
  }

  @Override
  public float[] codeGradients(int entries) {
    return batch.codeGradients;
  }

  @Override
  public void setCodeGradients(float[] gradients, int entries) {
    batch.codeGradients = gradients;
  }

  @Override
  public void readDecoderNorms(double[] out) {
    parameters.readDecoderNorms(out);
  }

  @Override
  public void copyReconstruction(MemorySegment destination) {
    int size = batch.rows * spec.outputWidth();
    MemorySegment.copy(batch.reconstruction, 0, destination, DictionaryParameters.FLOAT, 0, size);
  }

  // ---- optimiser ----

  @Override
  public void accumulate(Rows input, Codes codes, GradientTerms terms) {
    update.accumulate(input, codes, terms);
  }

  @Override
  public void update(AdamStep step, Codes codes) {
    update.update(step);
  }

  // ---- matching pursuit ----

  @Override
  public void readCentred(Rows input, float[] out) {
    parameters.readDecoderBias();
    batch.load(input, spec.subtractDecoderBias() ? parameters.decoderBias : null, out);
  }

  @Override
  public void startPursuit() {
    selection.startPursuit();
  }

  @Override
  public void bestFeatures(float[] vectors, int count, int[] features) {
    selection.bestFeatures(vectors, count, features);
  }

  @Override
  public void readDecoderRows(int[] features, int count, float[] out) {
    for (int row = 0; row < count; row++) {
      if (features[row] >= 0) {
        parameters.copyDecoderRow(features[row], out, row * spec.outputWidth());
      }
    }
  }

  @Override
  public void readReconstructionGradient(float[] out, int size) {
    System.arraycopy(batch.residualGradient, 0, out, 0, size);
  }

  @Override
  public void updateDecoder(
      AdamStep step, FeatureGroups groups, float[] rowGradients, float[] biasGradient) {
    update.updateDecoder(step, groups, rowGradients, biasGradient);
  }

  // ---- state ----

  @Override
  public FiringClocks clocks() {
    return clocks;
  }

  @Override
  public List<StateTensor> state() {
    return parameters.tensors();
  }

  @Override
  public MemorySegment read(StateTensor tensor, long first, long count, Arena arena) {
    long row = tensor.rowBytes();
    return parameters.get(tensor.name()).asSlice(first * row, count * row).asReadOnly();
  }

  @Override
  public void write(StateTensor tensor, long first, MemorySegment data) {
    parameters.get(tensor.name()).asSlice(first * tensor.rowBytes()).copyFrom(data);
    parameters.changed();
    update.replaced(tensor, first, data);
  }

  @Override
  public void close() {
    update.close();
    selection.close();
    clocks.close();
    parameters.close();
  }
}
