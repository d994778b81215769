package io.sluice.training;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Parameters;
import io.sluice.engine.SkipEngine;
import io.sluice.store.ActivationStore;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What a run will build on a store: where its dictionary reads and writes, and of what shape it is.
 *
 * @param config the run's configuration
 * @param model the model whose activations the store holds
 * @param inputs what the dictionary reads
 * @param outputs what it writes
 */
record Blueprint(TrainingConfig config, String model, List<Site> inputs, List<Site> outputs) {

  /**
   * Looks the hook points up in a store.
   *
   * @throws IllegalArgumentException if the store has not one of them (the message lists those it
   *     has), or the configuration does not fit their widths
   */
  static Blueprint of(TrainingConfig config, ActivationStore store) {
    Blueprint blueprint =
        new Blueprint(
            config,
            store.manifest().model(),
            sites(store, config.kind().inputs(config.hook())),
            sites(store, config.kind().outputs(config.hook())));
    blueprint.checkFits();
    return blueprint;
  }

  /**
   * The same autoencoder over {@code width} dimensions of its activations, as an engine sees it.
   */
  Blueprint within(int width) {
    List<Site> inside = List.of(new Site(config.hook(), width));
    return new Blueprint(config, model, inside, inside);
  }

  private static List<Site> sites(ActivationStore store, List<String> hooks) {
    return hooks.stream()
        .map(hook -> new Site(hook, ActivationFeed.activations(store, hook).width()))
        .toList();
  }

  private void checkFits() {
    if (config.start() instanceof Start.ActiveSubspace(int dimensions, double tau)) {
      for (Site site : outputs) {
        if (dimensions > site.width()) {
          throw new IllegalArgumentException(
              "d_init is %d, but '%s' is only %d wide; give less"
                  .formatted(dimensions, site.hook(), site.width()));
        }
      }
    }
    if (config.remedies().dimensions() > inputWidth()) {
      throw new IllegalArgumentException(
          "training is to be constrained to %d directions, but '%s' is only %d wide"
              .formatted(config.remedies().dimensions(), config.hook(), inputWidth()));
    }
    if (config.kind() instanceof Kind.Transcoder transcoder
        && transcoder.encoderStart() == EncoderStart.TIED
        && inputWidth() != outputWidth()) {
      throw new IllegalArgumentException(
          "an encoder of width %d cannot start at a decoder of width %d; let it start pulled back"
              .formatted(inputWidth(), outputWidth()));
    }
  }

  int inputWidth() {
    return Site.widths(inputs);
  }

  int outputWidth() {
    return Site.widths(outputs);
  }

  /** What the engine is told. */
  EngineSpec spec() {
    return config.sparsity().spec(dictionary(OptionalDouble.empty()).spec(config.optimiser()));
  }

  /** An engine whose state is still to be filled. */
  Engine openEmpty(EngineFactory engines) {
    try (Arena arena = Arena.ofShared()) {
      return open(engines, allocate(arena));
    }
  }

  /** An engine that starts at {@code initial}. */
  Engine open(EngineFactory engines, Parameters initial) {
    Engine engine = engines.open(spec(), initial);
    return config.kind() instanceof Kind.Transcoder transcoder && transcoder.skip()
        ? new SkipEngine(engine, null)
        : engine;
  }

  /** Parameters of zeros. */
  Parameters allocate(Arena arena) {
    return Parameters.allocate(arena, inputWidth(), outputWidth(), config.features());
  }

  /**
   * What the dictionary will be.
   *
   * @param threshold what BatchTopK has found, in the units of the dictionary
   */
  DictionaryConfig dictionary(OptionalDouble threshold) {
    return config.dictionary(model, inputs, outputs, threshold);
  }
}
