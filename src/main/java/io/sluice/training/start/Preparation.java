package io.sluice.training.start;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.FromDictionary;
import io.sluice.training.config.Kind;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * Makes the engine that training starts from: scale, mean and subspace from a sample of the data,
 * directions from the initialiser, their common length from the norm search. Each kind of
 * dictionary has a class of its own for it, and {@link FurtherPreparation} starts any of them at a
 * finished dictionary.
 */
public final class Preparation {
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final SharedSample shared;

  /**
   * A preparation.
   *
   * @param shared samples that other runs have read, or null
   */
  public Preparation(ActivationStore store, Blueprint blueprint, SharedSample shared) {
    this.store = store;
    this.blueprint = blueprint;
    this.shared = shared;
  }

  /** An engine at its start, what led there, and what stands before it, or null. */
  public record Prepared(Engine engine, StartingPoint start, WhiteningMap map) {}

  /**
   * Reads the sample and opens the engine.
   *
   * @throws IOException if an activation is not finite, or nothing varies
   */
  public Prepared prepare(EngineFactory engines) throws IOException {
    if (blueprint.config().start() instanceof FromDictionary from) {
      return new FurtherPreparation(store, blueprint, from).prepare(engines);
    }
    return switch (blueprint.config().kind()) {
      case Kind.Autoencoder kind ->
          new AutoencoderPreparation(store, blueprint, shared).prepare(engines);
      case Kind.Transcoder kind ->
          new TranscoderPreparation(store, blueprint, kind).prepare(engines);
      case Kind.Crosscoder kind -> new CrosscoderPreparation(store, blueprint).prepare(engines);
      case Kind.CrossLayerTranscoder kind ->
          new CrossLayerPreparation(store, blueprint, kind.encoderStart()).prepare(engines);
    };
  }

  static List<Double> boxed(double[] values) {
    return Arrays.stream(values).boxed().toList();
  }
}
