package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * Initialises an autoencoder with tied rows, behind an input map in whitened and constrained
 * training.
 */
final class AutoencoderPreparation {
  private final TrainingConfig config;
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final SharedSample shared;
  private final InitialRows rows;
  private final CommonNorm norm;

  /**
   * A preparation.
   *
   * @param shared where the sample may stand already, or null
   */
  AutoencoderPreparation(ActivationStore store, Blueprint blueprint, SharedSample shared) {
    this.config = blueprint.config();
    this.store = store;
    this.blueprint = blueprint;
    this.shared = shared;
    this.rows = new InitialRows(config);
    this.norm = new CommonNorm(store, config);
  }

  Preparation.Prepared prepare(EngineFactory engines) throws IOException {
    String hook = config.hook();
    int width = blueprint.inputWidth();
    boolean mapped = config.remedies().mapInput();
    Sample sample =
        shared == null
            ? read(width, rows.needSubspace() || mapped)
            : shared.of(config, () -> read(width, true));
    double scale = sample.scale(0, width, config);
    Subspace kept = mapped ? kept(sample) : null;
    WhiteningMap map = mapped ? WhiteningMap.of(config.remedies(), kept, scale) : null;
    // The map includes the scale.
    List<SiteScaling> seen = List.of(new SiteScaling(hook, mapped ? 1 : scale, List.of()));
    Blueprint inside = mapped ? blueprint.within(map.inside()) : blueprint;
    Initialiser initialiser =
        mapped
            ? rows.initialiserOfMapped(map.mappedVariances(kept.variances()))
            : rows.initialiser(sample.covariance(), width);
    float[] bias = new float[inside.inputWidth()];
    rows.startBias(bias, 0, mapped ? map.mappedMean() : sample.mean(), mapped ? 1 : scale);
    try (Arena arena = Arena.ofShared()) {
      List<SiteFeed.Pair> batches = norm.sample(arena, seen, seen, map);
      Engine engine = inside.openEmpty(engines);
      StartingWeights.write(
          engine, rows.decoder(initialiser), (decoder, encoder) -> encoder.copyFrom(decoder), bias);
      return norm.finish(
          engine,
          batches,
          map,
          length ->
              new StartingPoint(
                  scale,
                  scale * scale * sample.variances()[0],
                  InitialRows.dimensions(initialiser),
                  length,
                  sample.rows(),
                  mapped ? map.inside() : 0,
                  seen,
                  seen));
    }
  }

  private Sample read(int width, boolean covariance) throws IOException {
    return Sample.of(store, config, List.of(config.hook()), new int[] {width}, covariance);
  }

  /** The directions that the engine sees, of those of the whole space. */
  private Subspace kept(Sample sample) throws IOException {
    Remedies remedies = config.remedies();
    int dimensions = remedies.constrain() ? remedies.dimensions() : blueprint.inputWidth();
    if (!(sample.variances()[0] > 0)) {
      throw new IOException(
          store.place() + ": column '" + config.hook() + "' holds the same vector in all rows");
    }
    if (dimensions == 0) {
      dimensions = Spectrum.of(sample.covariance()).intrinsicDimension(remedies.tau());
    }
    return Subspace.topDirections(sample.covariance(), dimensions);
  }
}
