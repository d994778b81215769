package io.sluice.browse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.FeatureFolder;
import io.sluice.files.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;

/** Some features of a folder as one HTML file that needs neither the folder nor a network. */
public final class FeatureFile {
  private FeatureFile() {}

  /**
   * Writes the file atomically.
   *
   * @param folder where the features are
   * @param selection which of them the file holds
   * @param seed of a random selection
   * @param file the target
   * @return its size in bytes
   * @throws IllegalArgumentException if the folder lacks a selected feature
   * @throws IOException if it cannot be written, or a file of the folder is damaged
   */
  public static long write(FeatureFolder folder, FeatureSelection selection, long seed, Path file)
      throws IOException {
    byte[] page = html(folder, selection, seed);
    AtomicFile.write(file, page);
    return page.length;
  }

  static byte[] html(FeatureFolder folder, FeatureSelection selection, long seed)
      throws IOException {
    FeatureColumns columns = FeatureColumns.of(folder);
    int[] numbers = selection.of(columns.density(), seed);
    FeatureDetail detail = new FeatureDetail(folder);
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.set("summary", BrowsePage.summary(folder, columns).put("selected", numbers.length));
    ObjectNode list = data.putObject("list");
    ArrayNode features = data.putArray("features");
    for (String column : new String[] {"feature", "density", "max", "similar", "dead"}) {
      list.putArray(column);
    }
    for (int number : numbers) {
      list.withArray("feature").add(number);
      list.withArray("density").add(columns.density()[number]);
      list.withArray("max").add(columns.max()[number]);
      float similar = columns.similar()[number];
      list.withArray("similar").add(Float.isNaN(similar) ? null : (Float) similar);
      list.withArray("dead").add(columns.dead()[number] ? 1 : 0);
      features.add(shortened(detail.of(number)));
    }
    return BrowsePage.render(BrowsePage.title(folder), data, false).html();
  }

  /** The same with tokens as pairs: names of fields would be most of the file. */
  private static ObjectNode shortened(ObjectNode feature) {
    for (String kind : new String[] {"top", "lower"}) {
      for (JsonNode context : feature.withArray(kind)) {
        ArrayNode pairs = JsonNodeFactory.instance.arrayNode();
        for (JsonNode token : context.get("tokens")) {
          ArrayNode pair = pairs.addArray().add(token.get("text"));
          float activation = token.get("activation").floatValue();
          if (activation != 0) {
            pair.add(activation);
          }
        }
        ((ObjectNode) context).set("tokens", pairs);
      }
    }
    return feature;
  }
}
