package io.sluice.dictionary;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.files.OutputFolder;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * A cross-layer transcoder: one dictionary per layer, which reads one hook point and writes the
 * outputs of that layer and of all later layers. The output is the sum over dictionaries; all but
 * the first have decoder biases of 0. On disk it is a folder with {@code cross-layer.json}, which
 * lists the folders of the dictionaries in it.
 *
 * @param layers the dictionaries in the order of layers, two or more
 */
public record CrossLayerDictionary(List<Dictionary> layers) {
  /** The name of the file that lists the layers. */
  public static final String FILE = "cross-layer.json";

  private static final String FORMAT = "sluice.cross-layer/1";
  private static final ObjectMapper JSON = new ObjectMapper();

  public CrossLayerDictionary {
    layers = List.copyOf(layers);
    if (layers.size() < 2) {
      throw new IllegalArgumentException(
          "a cross-layer transcoder has two layers or more, not " + layers.size());
    }
    for (Dictionary layer : layers) {
      layer
          .config()
          .tokenNorm()
          .ifPresent(
              norm -> {
                throw new IllegalArgumentException(
                    "the layers of a cross-layer transcoder do not normalise each token ("
                        + norm.kind().label()
                        + ")");
              });
    }
    DictionaryConfig first = layers.getFirst().config();
    List<Site> all = first.outputs();
    for (int layer = 0; layer < layers.size(); layer++) {
      DictionaryConfig config = layers.get(layer).config();
      if (all.size() != layers.size()
          || !config.outputs().equals(all.subList(layer, all.size()))
          || config.inputs().size() != 1
          || !config.activation().equals(first.activation())
          || layers.get(layer).hasSkip()) {
        throw new IllegalArgumentException(
            "layer %d reads %s and writes %s by %s, which does not match what layer 0 writes, %s"
                    .formatted(
                        layer,
                        Site.names(config.inputs()),
                        Site.names(config.outputs()),
                        config.activation().label(),
                        Site.names(all))
                + " by "
                + first.activation().label());
      }
    }
  }

  /** The inputs of the layers. */
  public List<Site> inputs() {
    return layers.stream().map(layer -> layer.config().inputs().getFirst()).toList();
  }

  /** The outputs of the layers. */
  public List<Site> outputs() {
    return layers.getFirst().config().outputs();
  }

  /** An engine that computes the sum of the dictionaries, without an optimiser. */
  public Engine open(EngineFactory engines) {
    return open(layer -> layer.open(engines));
  }

  /** Like {@link #open}, over the weights where they are, as {@link Dictionary#openOver}. */
  public Engine openOver(EngineFactory engines) {
    return open(layer -> layer.openOver(engines));
  }

  private Engine open(Function<Dictionary, Engine> opening) {
    List<Engine> open = new ArrayList<>();
    try {
      layers.forEach(layer -> open.add(opening.apply(layer)));
      return new CrossLayerEngine(open, outputs().stream().map(Site::width).toList());
    } catch (RuntimeException e) {
      open.forEach(Engine::close);
      throw e;
    }
  }

  /** The name of the folder of a layer's dictionary. */
  public static String layerName(int layer) {
    return String.format(Locale.ROOT, "layer-%02d", layer);
  }

  /** Whether a folder holds a cross-layer transcoder. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(FILE));
  }

  /**
   * Writes the dictionaries into folders within an existing folder, and then the list of them.
   *
   * @throws IOException if writing fails
   */
  public void save(Path folder) throws IOException {
    save(layers.stream().map(Dictionary::source).toList(), folder);
  }

  /**
   * Like the other method, for dictionaries of which some rows at a time are read.
   *
   * @param layers in the order of layers
   */
  public static void save(List<DictionarySource> layers, Path folder) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    ArrayNode names = json.putArray("layers");
    for (int layer = 0; layer < layers.size(); layer++) {
      String name = layerName(layer);
      names.add(name);
      OutputFolder.requireNoLink(folder, folder.resolve(name));
      OutputFolder.make(folder.resolve(name));
      layers.get(layer).save(folder.resolve(name));
    }
    AtomicFile.write(
        folder.resolve(FILE), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /**
   * Reads a folder that {@link #save} wrote.
   *
   * @throws IOException if a file is missing or damaged, or the dictionaries do not fit together;
   *     the message names it
   */
  public static CrossLayerDictionary load(Path folder) throws IOException {
    Fields json = fields(folder);
    List<Dictionary> layers = new ArrayList<>();
    for (String name : layerNames(json)) {
      layers.add(Dictionary.load(folder.resolve(name)));
    }
    return json.build(() -> new CrossLayerDictionary(layers));
  }

  /** The names of the folders of the layers' dictionaries, in the order of layers. */
  static List<String> layerNames(Path folder) throws IOException {
    return layerNames(fields(folder));
  }

  private static Fields fields(Path folder) throws IOException {
    return Fields.read(folder.resolve(FILE), FORMAT, "restore it or train again");
  }

  private static List<String> layerNames(Fields json) throws IOException {
    List<String> names = json.texts("layers");
    json.requireNoOthers();
    for (String name : names) {
      if (!name.matches("[A-Za-z0-9_-]{1,100}")) {
        throw json.damaged(Quoted.of(name) + " in 'layers' is not the name of a folder");
      }
    }
    return names;
  }
}
