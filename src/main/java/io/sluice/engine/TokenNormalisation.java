package io.sluice.engine;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Normalises each token before an engine encodes it, and converts the decoded output back to the
 * token's units if {@link TokenNorm#undone} is true. Such a dictionary can be used but not trained.
 */
public final class TokenNormalisation implements Extension {
  private static final ValueLayout.OfFloat FLOAT = DictionaryParameters.FLOAT;

  private final TokenNorm norm;
  private final int width;
  private final GrowingMemory normalisedMemory = GrowingMemory.owned();
  private final GrowingMemory reconstructionMemory = GrowingMemory.owned();
  private final TokenNorm.Undoing undoing = new TokenNorm.Undoing();
  private final float[] token;
  private Rows input;

  /**
   * An engine that normalises each token and passes it to {@code inner}; closing it closes {@code
   * inner}.
   *
   * @throws IllegalArgumentException if the engine trains, or is too narrow, or the norm is undone
   *     and what is written is of another width than what is read
   */
  public static Engine around(Engine inner, TokenNorm norm) {
    return new ExtendedEngine(inner, new TokenNormalisation(inner.spec(), norm));
  }

  private TokenNormalisation(EngineSpec spec, TokenNorm norm) {
    this.norm = norm;
    width = spec.inputWidth();
    token = new float[width];
    norm.requireWidth(width);
    if (spec.optimiser() != Optimiser.NONE) {
      throw cannotTrain();
    }
    if (norm.undone() && spec.outputWidth() != width) {
      throw new IllegalArgumentException(
          "%s of width %d cannot be undone at an output of width %d"
              .formatted(norm.kind().label(), width, spec.outputWidth()));
    }
  }

  private IllegalArgumentException cannotTrain() {
    return new IllegalArgumentException(
        "a dictionary that normalises each token (" + norm.kind().label() + ") cannot be trained");
  }

  @Override
  public void encode(Engine inner, Rows input, ActivationFunction selection) {
    if (input.width() != width) {
      // The inner engine throws an exception.
      inner.encode(input, selection);
      return;
    }
    this.input = null;
    int rows = input.count();
    undoing.prepare(rows);
    MemorySegment normalised = normalisedMemory.of(rows, width);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < width; i++) {
        token[i] = input.at(row, i);
      }
      norm.apply(token, 0, width, row, undoing);
      MemorySegment.copy(token, 0, normalised, FLOAT, (long) row * width * Float.BYTES, width);
    }
    Rows own = new Rows(normalised, DType.F32, rows, width);
    inner.encode(own, selection);
    this.input = own;
  }

  @Override
  public boolean decodeForTraining(Engine inner, Rows target) {
    throw cannotTrain();
  }

  @Override
  public double decode(Engine inner, Rows target, boolean gradients) {
    if (gradients) {
      throw cannotTrain();
    }
    requireEncoded();
    if (!norm.undone() || target.count() != input.count() || target.width() != width) {
      return inner.decode(target, false);
    }
    inner.decode(input, false);
    MemorySegment reconstruction = reconstructionMemory.of(input.count(), width);
    readReconstruction(inner, reconstruction);
    double error = 0;
    for (int row = 0; row < input.count(); row++) {
      for (int i = 0; i < width; i++) {
        double difference =
            reconstruction.getAtIndex(FLOAT, (long) row * width + i) - target.at(row, i);
        error += difference * difference;
      }
    }
    return error;
  }

  /** After an encode that failed the other engine still has the codes of the one before. */
  private void requireEncoded() {
    if (input == null) {
      throw new IllegalStateException("nothing is encoded: encode comes first");
    }
  }

  @Override
  public void readReconstruction(Engine inner, MemorySegment destination) {
    requireEncoded();
    inner.readReconstruction(destination);
    for (int row = 0; norm.undone() && row < input.count(); row++) {
      for (int i = 0; i < width; i++) {
        long at = (long) row * width + i;
        destination.setAtIndex(FLOAT, at, undoing.undone(row, destination.getAtIndex(FLOAT, at)));
      }
    }
  }

  @Override
  public void close() {
    normalisedMemory.close();
    reconstructionMemory.close();
  }
}
