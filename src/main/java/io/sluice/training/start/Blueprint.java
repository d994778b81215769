package io.sluice.training.start;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.MachineMemory;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.TrainingConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * The plan of a run on a store: the sites that its dictionary reads and writes, and its shape.
 *
 * @param config the run's configuration
 * @param model the model whose activations the store holds
 * @param prependBos whether the model read a beginning-of-text token before each text, if the store
 *     records it
 * @param inputs what the dictionary reads
 * @param outputs what it writes
 */
public record Blueprint(
    TrainingConfig config,
    String model,
    Optional<Boolean> prependBos,
    List<Site> inputs,
    List<Site> outputs) {
  /**
   * Looks the hook points up in a store.
   *
   * @throws IllegalArgumentException if the store has not one of them (the message lists those it
   *     has), or the configuration does not fit their widths
   */
  public static Blueprint of(TrainingConfig config, ActivationStore store) {
    Blueprint blueprint =
        new Blueprint(
            config,
            store.manifest().model(),
            store.manifest().prependBos(),
            sites(store, config.kind().inputs(config.hook())),
            sites(store, config.kind().outputs(config.hook())));
    blueprint.checkFits();
    return blueprint;
  }

  /**
   * The same autoencoder over {@code width} dimensions of its activations, as an engine sees it.
   */
  public Blueprint within(int width) {
    List<Site> inside = List.of(new Site(config.hook(), width));
    return new Blueprint(config, model, prependBos, inside, inside);
  }

  private static List<Site> sites(ActivationStore store, List<String> hooks) {
    return hooks.stream()
        .map(hook -> new Site(hook, ActivationFeed.activations(store, hook).width()))
        .toList();
  }

  /** Bytes of its parameters in float32; a run needs several times as many. */
  public long parameterBytes() {
    return isCrossLayer()
        ? layers().stream().mapToLong(Blueprint::ownParameterBytes).sum()
        : ownParameterBytes();
  }

  private long ownParameterBytes() {
    long perFeature = (long) inputWidth() + outputWidth() + 1;
    return Float.BYTES * (config.features() * perFeature + outputWidth());
  }

  /**
   * Checks that the memory of the machine, and of the GPU where engines are on one, holds a run,
   * before any of it is taken.
   *
   * @throws IllegalArgumentException if it does not; the message says what would fit
   */
  public void requireMemory(EngineFactory engines) {
    TrainingMemory.require(this, engines, MachineMemory.bytes());
  }

  private void checkFits() {
    if (config.start() instanceof InitialDirections.ActiveSubspace(int dimensions, double tau)) {
      for (Site site : outputs) {
        if (dimensions > site.width()) {
          throw new IllegalArgumentException(
              "d_init is %d, but '%s' is only %d wide; give a smaller one"
                  .formatted(dimensions, site.hook(), site.width()));
        }
      }
    }
    if (config.remedies().dimensions() > inputWidth()) {
      throw new IllegalArgumentException(
          "training is to be constrained to %d directions, but '%s' is only %d wide"
              .formatted(config.remedies().dimensions(), config.hook(), inputWidth()));
    }
    boolean tied = config.kind().encoderStart() == InitialEncoder.TIED;
    for (int i = 0; tied && i < inputs.size(); i++) {
      if (inputs.get(i).width() != outputs.get(i).width()) {
        throw new IllegalArgumentException(
            "an encoder of width %d cannot start at a decoder of width %d; let it start pulled back"
                .formatted(inputs.get(i).width(), outputs.get(i).width()));
      }
    }
  }

  /**
   * Whether the exported weights are those of the engine times a number of their column, and no
   * more: not where rows have numbers of their own, or a map stands before the engine.
   */
  public boolean exportsByColumn() {
    // The first layer of a cross-layer transcoder writes all outputs, as the whole does.
    boolean byNorms = outputs.size() > 1 && config.scoreByDecoderNorm();
    return !config.remedies().mapInput()
        && !byNorms
        && !(config.sparsity().activation() instanceof Pursuit)
        && spec().learned() != Learned.GATE;
  }

  public int inputWidth() {
    return Site.widths(inputs);
  }

  int outputWidth() {
    return Site.widths(outputs);
  }

  /**
   * Checks that these engines can compute the run.
   *
   * @throws IllegalArgumentException if they cannot
   */
  public void requireEngine(EngineFactory engines) {
    engines.require(isCrossLayer() ? layers().getFirst().spec() : spec());
  }

  /** The settings of the engine. */
  EngineSpec spec() {
    return spec(config.optimiser());
  }

  private EngineSpec spec(Optimiser optimiser) {
    EngineSpec shape = dictionary(OptionalDouble.empty()).spec(optimiser);
    return config
        .sparsity()
        .spec(shape.withMoments(config.moments()).withPrecision(config.precision()));
  }

  /** An engine whose state, all zeros, is still to be filled. */
  public Engine openEmpty(EngineFactory engines) {
    return openEmpty(engines, config.optimiser());
  }

  /**
   * The same with another optimiser; with {@code NONE} the engine has the parameters alone.
   *
   * @param optimiser instead of the configuration's
   */
  public Engine openEmpty(EngineFactory engines, Optimiser optimiser) {
    if (isCrossLayer()) {
      return openLayers(engines, optimiser);
    }
    Engine engine = engines.openZeros(spec(optimiser));
    return config.kind() instanceof Kind.Transcoder transcoder && transcoder.skip()
        ? SkipConnection.around(engine, null)
        : engine;
  }

  private Engine openLayers(EngineFactory engines, Optimiser optimiser) {
    List<Engine> open = new ArrayList<>();
    try {
      for (Blueprint layer : layers()) {
        open.add(engines.openZeros(layer.spec(optimiser)));
      }
      return new CrossLayerEngine(open, outputs.stream().map(Site::width).toList());
    } catch (RuntimeException e) {
      open.forEach(Engine::close);
      throw e;
    }
  }

  public boolean isCrossLayer() {
    return config.kind() instanceof Kind.CrossLayerTranscoder;
  }

  /** Of a cross-layer transcoder each layer, which writes its own output and those after it. */
  public List<Blueprint> layers() {
    return IntStream.range(0, inputs.size())
        .mapToObj(
            layer ->
                new Blueprint(
                    config,
                    model,
                    prependBos,
                    List.of(inputs.get(layer)),
                    outputs.subList(layer, outputs.size())))
        .toList();
  }

  /**
   * The configuration of the dictionary.
   *
   * @param threshold what BatchTopK has found, in the units of the dictionary
   */
  public DictionaryConfig dictionary(OptionalDouble threshold) {
    return config.dictionary(model, inputs, outputs, threshold).withPrependBos(prependBos);
  }
}
