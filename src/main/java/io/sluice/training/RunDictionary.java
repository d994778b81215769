package io.sluice.training;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.start.WhiteningMap;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * The dictionary of a run as its engine has it now, in the units of the raw activations; that of a
 * cross-layer transcoder is several.
 */
final class RunDictionary {
  private final Blueprint blueprint;
  private final Engine engine;
  private final StartingPoint start;
  private final WhiteningMap map;
  private final Supplier<OptionalDouble> threshold;

  /**
   * @param engine trains; stays as it is while a dictionary is read
   * @param map what stands before the engine, or null
   * @param threshold gives the one that BatchTopK has found until now, as the engine scales scores
   */
  RunDictionary(
      Blueprint blueprint,
      Engine engine,
      StartingPoint start,
      WhiteningMap map,
      Supplier<OptionalDouble> threshold) {
    this.blueprint = blueprint;
    this.engine = engine;
    this.start = start;
    this.map = map;
    this.threshold = threshold;
  }

  /** Saves it, for use. */
  void save(Path folder) throws IOException {
    if (blueprint.isCrossLayer()) {
      CrossLayerDictionary.save(layers(), folder);
    } else {
      source().save(folder);
    }
  }

  /**
   * Copies it into memory.
   *
   * @throws IllegalStateException if it is several
   */
  Dictionary read(Arena arena) throws IOException {
    return source().read(arena);
  }

  /**
   * Copies a cross-layer transcoder into memory.
   *
   * @throws IllegalStateException if the run trains something else
   */
  CrossLayerDictionary readLayers() throws IOException {
    List<Dictionary> each = new ArrayList<>();
    for (DictionarySource layer : layers()) {
      each.add(layer.read(Arena.ofAuto()));
    }
    return new CrossLayerDictionary(each);
  }

  /**
   * Its FVU on tokens that the run holds out; NaN where all of them are the same.
   *
   * @param engines those of the run
   */
  double fvu(EngineFactory engines, Activations.Unseen unseen) throws IOException {
    // There may be no room for the weights twice.
    boolean inPlace = engines.readsInPlace() && blueprint.exportsByColumn();
    if (blueprint.isCrossLayer()) {
      return inPlace ? layersInPlace(engines, unseen) : fvu(readLayers(), engines, unseen);
    }
    if (inPlace) {
      try (ExportedInPlace placed = ExportedInPlace.of(engine, source(), start)) {
        return fvu(placed.dictionary(), engines, unseen);
      }
    }
    // Freed at once: there may be several gigabytes of it.
    try (Arena arena = Arena.ofShared()) {
      return fvu(source().read(arena), engines, unseen);
    }
  }

  private double layersInPlace(EngineFactory engines, Activations.Unseen unseen)
      throws IOException {
    List<Engine> each = ((CrossLayerEngine) engine).layers();
    List<DictionarySource> sources = layers();
    List<ExportedInPlace> placed = new ArrayList<>();
    try {
      for (int layer = 0; layer < each.size(); layer++) {
        placed.add(ExportedInPlace.of(each.get(layer), sources.get(layer), start.ofLayer(layer)));
      }
      CrossLayerDictionary now =
          new CrossLayerDictionary(placed.stream().map(ExportedInPlace::dictionary).toList());
      return fvu(now, engines, unseen);
    } finally {
      placed.forEach(ExportedInPlace::close);
    }
  }

  private static double fvu(
      CrossLayerDictionary now, EngineFactory engines, Activations.Unseen unseen)
      throws IOException {
    try (Engine runs = now.openOver(engines)) {
      ActivationFunction selection = now.layers().getFirst().config().activation();
      return HeldOutMeasure.fvu(runs, now.inputs(), now.outputs(), selection, unseen);
    }
  }

  private static double fvu(Dictionary now, EngineFactory engines, Activations.Unseen unseen)
      throws IOException {
    DictionaryConfig is = now.config();
    try (Engine runs = now.openOver(engines)) {
      return HeldOutMeasure.fvu(runs, is.inputs(), is.outputs(), is.activation(), unseen);
    }
  }

  private DictionarySource source() throws IOException {
    if (blueprint.isCrossLayer()) {
      throw new IllegalStateException("a cross-layer transcoder is several dictionaries");
    }
    OptionalDouble exported = Export.threshold(threshold.get(), blueprint, start, map);
    return Export.dictionary(blueprint.dictionary(exported), engine, start, map);
  }

  private List<DictionarySource> layers() throws IOException {
    if (!(engine instanceof CrossLayerEngine layers)) {
      throw new IllegalStateException("this run trains one dictionary");
    }
    List<DictionarySource> each = new ArrayList<>();
    for (int layer = 0; layer < layers.layers().size(); layer++) {
      each.add(
          Export.dictionary(
              blueprint.layers().get(layer).dictionary(OptionalDouble.empty()),
              layers.layers().get(layer),
              start.ofLayer(layer),
              null));
    }
    return each;
  }
}
