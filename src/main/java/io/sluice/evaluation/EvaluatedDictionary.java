package io.sluice.evaluation;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import java.util.List;

/**
 * What is evaluated.
 *
 * @param layers one dictionary, or the layers of a cross-layer transcoder
 * @param joint that transcoder; null where it is one dictionary
 */
public record EvaluatedDictionary(List<Dictionary> layers, CrossLayerDictionary joint) {
  /** Copies the list. */
  public EvaluatedDictionary {
    layers = List.copyOf(layers);
  }

  /** A dictionary. */
  public static EvaluatedDictionary of(Dictionary dictionary) {
    return new EvaluatedDictionary(List.of(dictionary), null);
  }

  /** A cross-layer transcoder; every output has its own FVU. */
  public static EvaluatedDictionary of(CrossLayerDictionary joint) {
    return new EvaluatedDictionary(joint.layers(), joint);
  }

  /** How many features it has, in all layers. */
  public int features() {
    return layers.stream().mapToInt(layer -> layer.config().features()).sum();
  }

  /** The hook points that it reads. */
  public List<Site> inputs() {
    return joint == null ? layers.getFirst().config().inputs() : joint.inputs();
  }

  /** The hook points that it writes. */
  public List<Site> outputs() {
    return joint == null ? layers.getFirst().config().outputs() : joint.outputs();
  }

  /** How codes are selected. */
  ActivationFunction activation() {
    return layers.getFirst().config().activation();
  }

  /** An engine that runs it. */
  Engine open(EngineFactory engines) {
    return joint == null ? layers.getFirst().open(engines) : joint.open(engines);
  }
}
