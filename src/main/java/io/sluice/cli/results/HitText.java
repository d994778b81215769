package io.sluice.cli.results;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.ContextSearch;
import io.sluice.features.Feature;
import io.sluice.features.FeatureJson;
import io.sluice.features.FeatureReader;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** Shows the features that a search has found, each with a context. */
public final class HitText {
  private HitText() {}

  /**
   * Prints a line for each feature, and below it the context in which it fires most on the text.
   */
  public static void print(
      List<ContextSearch.Hit> hits,
      FeatureReader reader,
      PrintWriter out,
      boolean colours,
      int columns) {
    FeatureText text = new FeatureText(out, colours, columns);
    for (ContextSearch.Hit hit : hits) {
      Feature feature = reader.read(hit.feature());
      out.printf(
          Locale.ROOT,
          "feature %d: %d of %d top contexts, activation %.3f of at most %.3f%n",
          hit.feature(),
          hit.contexts(),
          hit.of(),
          hit.activation(),
          feature.max());
      text.tokens(feature.top().get(hit.rank()).tokens(), new TokenShading(colours, feature.max()));
    }
  }

  /** The same for programs. */
  public static ArrayNode json(List<ContextSearch.Hit> hits, FeatureReader reader) {
    ArrayNode json = JsonNodeFactory.instance.arrayNode();
    for (ContextSearch.Hit hit : hits) {
      ObjectNode each = json.addObject();
      each.put("feature", hit.feature());
      each.put("contexts", hit.contexts());
      each.put("of", hit.of());
      each.put("activation", hit.activation());
      each.set("context", FeatureJson.context(reader.read(hit.feature()).top().get(hit.rank())));
    }
    return json;
  }
}
