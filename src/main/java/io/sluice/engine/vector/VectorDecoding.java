package io.sluice.engine.vector;

import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.Prefixes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import io.sluice.simd.batch.TableRows;

/** Reconstructions of a batch, and the gradients of its codes, in one pass over its active rows. */
final class VectorDecoding {
  private final EngineSpec spec;
  private final VectorParameters parameters;
  private final VectorBatch batch;
  private final TableRows table = new TableRows();
  private final VectorTasks tasks;
  private final Prefixes prefixes;
  private double[] errors = new double[0];
  private int[] sideFeatures = new int[0];
  private float[] sideResidual = new float[0];
  private float[] zeros = new float[0];

  VectorDecoding(
      EngineSpec spec, VectorParameters parameters, VectorBatch batch, VectorTasks tasks) {
    this.spec = spec;
    this.parameters = parameters;
    this.batch = batch;
    this.tasks = tasks;
    this.prefixes = new Prefixes(spec.prefixes());
  }

  /** {@link Arithmetic#decode}. */
  double decode(Rows target, Codes codes, boolean gradients) {
    int rows = target.count();
    int width = spec.outputWidth();
    int size = Math.multiplyExact(rows, width);
    batch.wanted = ScratchArrays.atLeast(batch.wanted, size);
    batch.reconstruction = ScratchArrays.atLeast(batch.reconstruction, size);
    int levels = prefixes.levels();
    batch.residualGradient =
        ScratchArrays.atLeast(batch.residualGradient, Math.multiplyExact(size, levels));
    batch.take(codes);
    errors = ScratchArrays.atLeast(errors, rows);
    batch.load(target, null, batch.wanted);
    float factor = 2f / rows / levels;
    tasks.forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            errors[row] =
                levels == 1
                    ? decodeRow(codes, row, factor, gradients)
                    : decodeNested(codes, row, factor, gradients);
          }
        });
    double squaredError = 0;
    for (int row = 0; row < rows; row++) {
      squaredError += errors[row];
    }
    return squaredError;
  }

  /** Decodes a token and finds the gradients of its codes; the answer is the squared error. */
  private double decodeRow(Codes codes, int row, float factor, boolean gradients) {
    int width = spec.outputWidth();
    int from = codes.offset(row);
    int to = codes.offset(row + 1);
    int at = row * width;
    table.sumRows(
        parameters.decoder,
        width,
        batch.codeFeatures,
        batch.codeValues,
        from,
        to,
        parameters.decoderBias,
        batch.reconstruction,
        at);
    float[] reconstruction = batch.reconstruction;
    float[] wanted = batch.wanted;
    float[] residualGradient = batch.residualGradient;
    double sum = 0;
    for (int i = at; i < at + width; i++) {
      float error = reconstruction[i] - wanted[i];
      sum += (double) error * error;
      residualGradient[i] = factor * error;
    }
    if (gradients) {
      table.dotRows(
          parameters.decoder,
          width,
          batch.codeFeatures,
          from,
          to,
          batch.residualGradient,
          at,
          batch.codeGradients);
    }
    return sum;
  }

  /** The same for nested dictionaries: every level goes on where the one before it ends. */
  private double decodeNested(Codes codes, int row, float factor, boolean gradients) {
    int width = spec.outputWidth();
    int levels = prefixes.levels();
    int to = codes.offset(row + 1);
    int at = row * width;
    int[] features = batch.codeFeatures;
    float[] reconstruction = batch.reconstruction;
    float[] wanted = batch.wanted;
    float[] residualGradient = batch.residualGradient;
    VectorTasks.Scratch own = tasks.scratch();
    own.fit(width, levels);
    System.arraycopy(parameters.decoderBias, 0, own.gradient, 0, width);
    double sum = 0;
    int from = codes.offset(row);
    for (int level = 0; level < levels; level++) {
      int end = prefixes.end(codes, level, from, to);
      own.tokens[level] = end;
      table.sumRows(
          parameters.decoder,
          width,
          features,
          batch.codeValues,
          from,
          end,
          own.gradient,
          reconstruction,
          at);
      System.arraycopy(reconstruction, at, own.gradient, 0, width);
      int out = (row * levels + level) * width;
      sum = 0;
      for (int i = 0; i < width; i++) {
        float error = reconstruction[at + i] - wanted[at + i];
        sum += (double) error * error;
        residualGradient[out + i] = factor * error;
      }
      from = end;
    }
    for (int level = levels - 1; level >= 0; level--) {
      int out = (row * levels + level) * width;
      for (int i = out; level < levels - 1 && i < out + width; i++) {
        residualGradient[i] += residualGradient[i + width];
      }
      if (gradients) {
        int start = level == 0 ? codes.offset(row) : own.tokens[level - 1];
        table.dotRows(
            parameters.decoder,
            width,
            features,
            start,
            own.tokens[level],
            residualGradient,
            out,
            batch.codeGradients);
      }
    }
    return sum;
  }

  /** {@link Arithmetic#decodeDead}. */
  double decodeDead(Codes dead, double weight) {
    int rows = dead.rows();
    int width = spec.outputWidth();
    int seenWidth = spec.inputWidth();
    int above = batch.entries;
    int entries = above + dead.entries();
    batch.seen = ScratchArrays.extended(batch.seen, 2 * rows * seenWidth);
    System.arraycopy(batch.seen, 0, batch.seen, rows * seenWidth, rows * seenWidth);
    batch.residualGradient = ScratchArrays.extended(batch.residualGradient, 2 * rows * width);
    batch.codeValues = ScratchArrays.extended(batch.codeValues, entries);
    batch.codeGradients = ScratchArrays.extended(batch.codeGradients, entries);
    batch.codeFeatures = ScratchArrays.extended(batch.codeFeatures, entries);
    for (int entry = above; entry < entries; entry++) {
      batch.codeFeatures[entry] = dead.feature(entry - above);
      batch.codeValues[entry] = dead.value(entry - above);
    }
    int[] features = batch.codeFeatures;
    float[] values = batch.codeValues;
    float[] residualGradient = batch.residualGradient;
    zeros = ScratchArrays.atLeast(zeros, width);
    float factor = (float) (2 * weight / rows);
    tasks.forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            int from = above + dead.offset(row);
            int to = above + dead.offset(row + 1);
            int at = (rows + row) * width;
            table.sumRows(
                parameters.decoder, width, features, values, from, to, zeros, residualGradient, at);
            double sum = 0;
            int token = row * width;
            for (int i = 0; i < width; i++) {
              // The gradient of the squared error is 2/rows times ŷ − y.
              float error = residualGradient[at + i] + residualGradient[token + i] * rows / 2;
              sum += (double) error * error;
              residualGradient[at + i] = factor * error;
            }
            errors[row] = sum;
            table.dotRows(
                parameters.decoder,
                width,
                features,
                from,
                to,
                residualGradient,
                at,
                batch.codeGradients);
          }
        });
    double squares = 0;
    for (int row = 0; row < rows; row++) {
      squares += errors[row];
    }
    return weight * squares / rows;
  }

  /** {@link Arithmetic#residualProducts}. */
  void residualProducts(Codes places, float[] out) {
    sideFeatures = VectorBatch.featuresOf(places, sideFeatures);
    int width = spec.outputWidth();
    tasks.forTokens(
        places.rows(),
        (first, end) -> {
          for (int row = first; row < end; row++) {
            table.dotRows(
                parameters.decoder,
                width,
                sideFeatures,
                places.offset(row),
                places.offset(row + 1),
                batch.residualGradient,
                row * width,
                out);
          }
        });
  }

  /** {@link Arithmetic#auxiliaryGradients}. */
  void auxiliaryGradients(Codes places, float[] weights, float[] out) {
    int rows = places.rows();
    int width = spec.outputWidth();
    sideResidual = ScratchArrays.atLeast(sideResidual, Math.multiplyExact(rows, width));
    float[] wanted = batch.wanted;
    float factor = 2f / rows;
    tasks.forTokens(
        rows,
        (first, end) -> {
          for (int row = first; row < end; row++) {
            int from = places.offset(row);
            int to = places.offset(row + 1);
            int at = row * width;
            table.sumRows(
                parameters.decoder,
                width,
                batch.codeFeatures,
                weights,
                from,
                to,
                parameters.decoderBias,
                sideResidual,
                at);
            for (int i = at; i < at + width; i++) {
              sideResidual[i] = factor * (sideResidual[i] - wanted[i]);
            }
            table.dotRows(
                parameters.decoder, width, batch.codeFeatures, from, to, sideResidual, at, out);
          }
        });
  }
}
