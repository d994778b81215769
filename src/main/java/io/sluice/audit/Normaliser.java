package io.sluice.audit;

import io.sluice.engine.TokenNorm;

/**
 * Applies a normalisation to the tokens of a batch, and undoes it. What a transcoder writes is of
 * another hook point: there a normalisation of each token is not undone, as in SAELens, and a
 * constant is that of what it reads, as {@code DictionaryFormat.read} takes it.
 */
final class Normaliser {
  private final Normalisation normalisation;
  private final PlaceStatistics read;
  private final PlaceStatistics written;
  private final TokenNorm norm;
  private final TokenNorm.Undoing undoing = new TokenNorm.Undoing();

  /**
   * @param read of the hook point that is read
   * @param written of the hook point that is written
   * @param undone whether normalisation of each token is undone
   */
  Normaliser(
      Normalisation normalisation, PlaceStatistics read, PlaceStatistics written, boolean undone) {
    this.normalisation = normalisation;
    this.read = read;
    this.written = written;
    this.norm = normalisation.ofTokens().map(kind -> new TokenNorm(kind, undone)).orElse(null);
  }

  /** Begins a batch. */
  void prepare(int rows) {
    undoing.prepare(rows);
  }

  /**
   * Normalises a token in its place.
   *
   * @throws IllegalArgumentException if it is 0 everywhere and its length is to be constant
   */
  void apply(float[] values, int at, int width, int row) {
    if (norm != null) {
      norm.apply(values, at, width, row, undoing);
    } else if (normalisation == Normalisation.CONSTANT) {
      double factor = read.constant();
      for (int i = 0; i < width; i++) {
        values[at + i] = (float) (factor * values[at + i]);
      }
    } else if (normalisation == Normalisation.MEAN) {
      for (int i = 0; i < width; i++) {
        values[at + i] = (float) (values[at + i] - read.mean()[i]);
      }
    }
  }

  /** A value of the reconstruction in the units of the activations. */
  double undone(int row, int column, float value) {
    return switch (normalisation) {
      case NONE -> value;
      case CONSTANT -> value / read.constant();
      case MEAN -> value + written.mean()[column];
      case UNIT, LAYER_NORM, CENTRED -> norm.undone() ? undoing.undone(row, value) : value;
    };
  }
}
