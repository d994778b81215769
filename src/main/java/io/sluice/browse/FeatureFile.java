package io.sluice.browse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/** Some features as one HTML file that needs neither their folders nor a network. */
public final class FeatureFile {
  private FeatureFile() {}

  /**
   * Writes the file atomically. Of a second dictionary it holds the best match of each feature.
   *
   * @param browsed where the features are
   * @param selection which of the first dictionary's features the file holds
   * @param seed of a random selection
   * @param file the target
   * @return its size in bytes
   * @throws IllegalArgumentException if the folder lacks a selected feature
   * @throws IOException if it cannot be written, or a file of a folder is damaged
   */
  public static long write(
      BrowsedFeatures browsed, FeatureSelection selection, long seed, Path file)
      throws IOException {
    byte[] page = html(browsed, selection, seed);
    AtomicFile.write(file, page);
    return page.length;
  }

  static byte[] html(BrowsedFeatures browsed, FeatureSelection selection, long seed)
      throws IOException {
    FeatureColumns first = FeatureColumns.of(browsed.folders().getFirst());
    int[] numbers = selection.of(first.density(), seed);
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    ArrayNode dictionaries = data.putArray("dictionaries");
    dictionaries.add(dictionary(browsed, 0, first, numbers));
    if (browsed.folders().size() > 1) {
      int[] best =
          Arrays.stream(numbers)
              .flatMap(n -> browsed.matches(0, n).stream().limit(1).mapToInt(m -> m.feature()))
              .distinct()
              .toArray();
      FeatureColumns second = FeatureColumns.of(browsed.folders().getLast());
      dictionaries.add(dictionary(browsed, 1, second, best));
    }
    return BrowsePage.render(BrowsePage.title(browsed), data, false).html();
  }

  private static ObjectNode dictionary(
      BrowsedFeatures browsed, int which, FeatureColumns columns, int[] numbers)
      throws IOException {
    FeatureDetail detail = new FeatureDetail(browsed, which);
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    ObjectNode summary = BrowsePage.summary(browsed, which, columns);
    data.set("summary", summary.put("selected", numbers.length));
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
    return data;
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
