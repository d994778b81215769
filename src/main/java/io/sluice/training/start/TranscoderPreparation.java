package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;

/**
 * Initialises a transcoder: input and target each have a scale and a mean, decoder rows are in the
 * subspace of the target, and {@link InitialEncoder} determines encoder rows.
 */
final class TranscoderPreparation {
  private final TrainingConfig config;
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final Kind.Transcoder kind;
  private final InitialRows rows;
  private final CommonNorm norm;

  TranscoderPreparation(ActivationStore store, Blueprint blueprint, Kind.Transcoder kind) {
    this.config = blueprint.config();
    this.store = store;
    this.blueprint = blueprint;
    this.kind = kind;
    this.rows = new InitialRows(config);
    this.norm = new CommonNorm(store, config);
  }

  Preparation.Prepared prepare(EngineFactory engines) throws IOException {
    int in = blueprint.inputWidth();
    int out = blueprint.outputWidth();
    boolean pullBack = kind.encoderStart() == InitialEncoder.PULL_BACK;
    Sample sample =
        Sample.of(
            store,
            config,
            List.of(config.hook(), kind.target()),
            new int[] {in, out},
            rows.needSubspace() || pullBack);
    double[] inputMean = Arrays.copyOf(sample.mean(), in);
    double[] targetMean = Arrays.copyOfRange(sample.mean(), in, in + out);
    double inputScale = sample.scale(0, in, config);
    double targetScale = sample.scale(1, out, config);
    List<SiteScaling> read =
        List.of(
            new SiteScaling(
                config.hook(),
                inputScale,
                config.centre() ? Preparation.boxed(inputMean) : List.of()));
    List<SiteScaling> written = List.of(new SiteScaling(kind.target(), targetScale, List.of()));
    Initialiser initialiser =
        rows.initialiser(
            rows.needSubspace() ? sample.covariance().columns(in, in + out) : null, out);
    float[] bias = new float[out];
    rows.startBias(bias, 0, targetMean, targetScale);
    try (Arena arena = Arena.ofShared()) {
      List<SiteFeed.Pair> batches = norm.sample(arena, read, written, null);
      float factor = (float) (targetScale / inputScale);
      StartingWeights.EncoderRows encoder =
          rows.encoder(kind.encoderStart(), sample, blueprint.spec(), out, factor, 0);
      Engine engine = blueprint.openEmpty(engines);
      StartingWeights.write(engine, rows.decoder(initialiser), encoder, bias);
      return norm.finish(
          engine,
          batches,
          null,
          length ->
              new StartingPoint(
                  inputScale,
                  targetScale * targetScale * sample.variances()[1],
                  InitialRows.dimensions(initialiser),
                  length,
                  sample.rows(),
                  0,
                  read,
                  written));
    }
  }
}
