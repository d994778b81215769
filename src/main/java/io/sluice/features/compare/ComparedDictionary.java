package io.sluice.features.compare;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.DictionaryParameters;
import java.util.List;

/**
 * A dictionary whose features are compared: of one layer, or a cross-layer transcoder, whose
 * features are those of all layers one after the other.
 *
 * @param layers the dictionary, or those of all layers
 * @param joint the cross-layer transcoder; null if it is none
 */
public record ComparedDictionary(List<Dictionary> layers, CrossLayerDictionary joint) {

  /** A dictionary of one layer. */
  public static ComparedDictionary of(Dictionary dictionary) {
    return new ComparedDictionary(List.of(dictionary), null);
  }

  /** A cross-layer transcoder. */
  public static ComparedDictionary of(CrossLayerDictionary joint) {
    return new ComparedDictionary(joint.layers(), joint);
  }

  /** Features of all layers. */
  int features() {
    return layers.stream().mapToInt(layer -> layer.config().features()).reduce(0, Math::addExact);
  }

  /** The first feature of each layer, and the end of the last. */
  int[] starts() {
    int[] starts = new int[layers.size() + 1];
    for (int layer = 0; layer < layers.size(); layer++) {
      starts[layer + 1] = starts[layer] + layers.get(layer).config().features();
    }
    return starts;
  }

  DictionaryParameters rows(int layer) {
    return layers.get(layer).parameters();
  }

  /** The hook points that it writes, of all layers. */
  List<Site> outputs() {
    return layers.getFirst().config().outputs();
  }

  /** The width of a decoder row over all hook points; rows of later layers have its end. */
  int width() {
    return rows(0).outputWidth();
  }

  List<Site> inputs() {
    return joint == null ? layers.getFirst().config().inputs() : joint.inputs();
  }

  ActivationFunction activation() {
    return layers.getFirst().config().activation();
  }

  Engine open(EngineFactory engines) {
    return joint == null ? layers.getFirst().open(engines) : joint.open(engines);
  }

  /**
   * Why decoder rows of two dictionaries have no cosines; null if they have.
   *
   * @param other the other dictionary
   */
  public String refusal(ComparedDictionary other) {
    if (layers.size() != other.layers.size()) {
      return "one has %s layers, the other %s".formatted(layers.size(), other.layers.size());
    }
    for (int layer = 0; layer < layers.size(); layer++) {
      int own = rows(layer).outputWidth();
      int others = other.rows(layer).outputWidth();
      if (own != others) {
        return "decoder rows are %s wide in one and %s in the other".formatted(own, others);
      }
    }
    return null;
  }
}
