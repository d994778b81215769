package io.sluice.training.sweep;

import io.sluice.engine.activation.ReLU;
import io.sluice.memory.DType;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.StateFile;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One cell of a sweep.
 *
 * @param name its unique name, for instance {@code init=asi,seed=1}; the name of its folder in
 *     {@code cells/}
 * @param values its value on each axis, in the order of the grid
 * @param config how it is trained
 */
public record SweepCell(String name, Map<Axis, String> values, TrainingConfig config) {
  public SweepCell {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * Memory that training it takes, in bytes: parameters and two moments, the encoder rounded to
   * int8, and to bfloat16 if it multiplies in that, what measuring held-out tokens needs, and what
   * one batch needs.
   *
   * @param width of the activations
   * @param measuredInPlace whether held-out tokens are measured with the weights that it trains,
   *     two bits for each beside them, and not with a copy
   */
  long bytes(int width, boolean measuredInPlace) {
    long seen = config.remedies().dimensions() > 0 ? config.remedies().dimensions() : width;
    long parameters = 4 * (config.features() * (2 * seen + 1) + seen);
    long bookkeeping = 64L * config.features();
    // With ReLU about half of the features fire at the start, whatever k is.
    long codes =
        config.sparsity().activation() instanceof ReLU ? config.features() / 2 : config.k();
    long batch = 4L * config.schedule().batch() * (6 * seen + 8 * codes);
    long moments = parameters * config.moments().bytes() / 2;
    long rounded = config.features() * seen * (config.precision() == DType.BF16 ? 3 : 1);
    long measuring = config.heldOut() == 0 ? 0 : measuredInPlace ? parameters / 16 : parameters;
    return parameters + moments + rounded + measuring + bookkeeping + batch;
  }

  /** Bytes on the disk: at the worst the dictionary, and checkpoints. */
  long diskBytes(int width) {
    int checkpoints =
        config.schedule().checkpointEvery() > 0
            ? StateFile.keptWhileRunning(config.schedule().keepCheckpoints())
            : 0;
    return dictionaryBytes(width) + checkpoints * checkpointBytes(width);
  }

  /** Bytes on the disk once it is complete. */
  long finalBytes(int width) {
    return dictionaryBytes(width) + config.schedule().keepCheckpoints() * checkpointBytes(width);
  }

  private long dictionaryBytes(int width) {
    return 4 * (config.features() * (2L * width + 1) + width);
  }

  private long checkpointBytes(int width) {
    return dictionaryBytes(width) * (2 + config.moments().bytes()) / 2;
  }
}
