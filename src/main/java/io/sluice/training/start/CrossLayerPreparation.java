package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Initialises a cross-layer transcoder. Every output has its own scale, mean and subspace. A
 * layer's encoder is initialised from its own output, which its input predicts best. Decoder rows
 * for later outputs start at random in their subspaces, and short.
 */
final class CrossLayerPreparation {
  /** Length of what features write to later layers at the start, of that to their own. */
  private static final float GUESS = 0.1f;

  private final TrainingConfig config;
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final InitialEncoder start;
  private final InitialRows rows;
  private final CommonNorm norm;

  CrossLayerPreparation(ActivationStore store, Blueprint blueprint, InitialEncoder start) {
    this.config = blueprint.config();
    this.store = store;
    this.blueprint = blueprint;
    this.start = start;
    this.rows = new InitialRows(config);
    this.norm = new CommonNorm(store, config);
  }

  Preparation.Prepared prepare(EngineFactory engines) throws IOException {
    List<SiteScaling> read = new ArrayList<>();
    List<SiteScaling> written = new ArrayList<>();
    List<Sample> samples = new ArrayList<>();
    List<Initialiser> initialisers = new ArrayList<>();
    double variance = 0;
    int dimensions = 0;
    boolean covariance = rows.needSubspace() || start == InitialEncoder.PULL_BACK;
    int layers = blueprint.inputs().size();
    for (int layer = 0; layer < layers; layer++) {
      Site input = blueprint.inputs().get(layer);
      Site output = blueprint.outputs().get(layer);
      int in = input.width();
      int out = output.width();
      List<String> hooks = List.of(input.hook(), output.hook());
      Sample sample = Sample.of(store, config, hooks, new int[] {in, out}, covariance);
      double[] mean = Arrays.copyOf(sample.mean(), in);
      double scale = sample.scale(1, out, config);
      read.add(
          new SiteScaling(
              input.hook(),
              sample.scale(0, in, config),
              config.centre() ? Preparation.boxed(mean) : List.of()));
      written.add(new SiteScaling(output.hook(), scale, List.of()));
      variance += scale * scale * sample.variances()[1];
      Initialiser initialiser =
          rows.initialiser(
              rows.needSubspace() ? sample.covariance().columns(in, in + out) : null, out);
      dimensions += InitialRows.dimensions(initialiser);
      samples.add(sample);
      initialisers.add(initialiser);
    }
    double total = variance;
    int allDimensions = dimensions;
    float[] bias = new float[blueprint.outputWidth()];
    int offset = 0;
    for (int output = 0; output < layers; output++) {
      double[] mean = samples.get(output).mean();
      int in = blueprint.inputs().get(output).width();
      rows.startBias(
          bias, offset, Arrays.copyOfRange(mean, in, mean.length), written.get(output).scale());
      offset += blueprint.outputs().get(output).width();
    }
    try (Arena arena = Arena.ofShared()) {
      List<SiteFeed.Pair> batches = norm.sample(arena, read, written, null);
      CrossLayerEngine engine = (CrossLayerEngine) blueprint.openEmpty(engines);
      for (int layer = 0; layer < layers; layer++) {
        Engine own = engine.layers().get(layer);
        float factor = (float) (written.get(layer).scale() / read.get(layer).scale());
        int width = initialisers.get(layer).width();
        StartingWeights.write(
            own,
            rows.decoder(initialisers.subList(layer, layers), (long) layer * layers + layer, GUESS),
            rows.encoder(start, samples.get(layer), own.spec(), width, factor, layer),
            layer == 0 ? bias : new float[own.spec().outputWidth()]);
      }
      return norm.finish(
          engine,
          engine.layers(),
          batches,
          null,
          length ->
              new StartingPoint(
                  read.getFirst().scale(),
                  total,
                  allDimensions,
                  length,
                  samples.getFirst().rows(),
                  0,
                  read,
                  written));
    }
  }
}
