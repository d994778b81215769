package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Initialises a crosscoder: each site has its own scale, mean and subspace, and encoder and decoder
 * are tied.
 */
final class CrosscoderPreparation {
  private final TrainingConfig config;
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final InitialRows rows;
  private final CommonNorm norm;

  CrosscoderPreparation(ActivationStore store, Blueprint blueprint) {
    this.config = blueprint.config();
    this.store = store;
    this.blueprint = blueprint;
    this.rows = new InitialRows(config);
    this.norm = new CommonNorm(store, config);
  }

  Preparation.Prepared prepare(EngineFactory engines) throws IOException {
    List<SiteScaling> seen = new ArrayList<>();
    double variance = 0;
    int dimensions = 0;
    long sampled = 0;
    List<Initialiser> initialisers = new ArrayList<>();
    float[] bias = new float[blueprint.outputWidth()];
    try (Arena arena = Arena.ofShared()) {
      int offset = 0;
      for (int i = 0; i < blueprint.inputs().size(); i++) {
        Site site = blueprint.inputs().get(i);
        Sample sample =
            Sample.of(
                store, config, List.of(site.hook()), new int[] {site.width()}, rows.needSubspace());
        double scale = sample.scale(0, site.width(), config);
        seen.add(new SiteScaling(site.hook(), scale, List.of()));
        variance += scale * scale * sample.variances()[0];
        sampled = sample.rows();
        Initialiser initialiser = rows.initialiser(sample.covariance(), site.width());
        dimensions += InitialRows.dimensions(initialiser);
        initialisers.add(initialiser);
        rows.startBias(bias, offset, sample.mean(), scale);
        offset += site.width();
      }
      double total = variance;
      int allDimensions = dimensions;
      long sampleRows = sampled;
      double scale = seen.getFirst().scale();
      List<SiteFeed.Pair> batches = norm.sample(arena, seen, seen, null);
      Engine engine = blueprint.openEmpty(engines);
      StartingWeights.write(
          engine,
          rows.decoder(initialisers, 0, 1),
          (decoder, encoder) -> encoder.copyFrom(decoder),
          bias);
      return norm.finish(
          engine,
          batches,
          null,
          length ->
              new StartingPoint(scale, total, allDimensions, length, sampleRows, 0, seen, seen));
    }
  }
}
