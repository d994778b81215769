package io.sluice.features;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** A feature as JSON, for programs and for pages; {@code docs/features.md} describes it. */
public final class FeatureJson {
  private FeatureJson() {}

  /** The feature with its contexts and effects. */
  public static ObjectNode of(Feature feature) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("feature", feature.feature());
    json.put("density", feature.density());
    json.put("max", feature.max());
    json.put("mean", feature.mean());
    ArrayNode top = json.putArray("top");
    feature.top().forEach(context -> top.add(context(context)));
    json.set("promotes", effects(feature.promotes()));
    json.set("suppresses", effects(feature.suppresses()));
    ArrayNode heads = json.putArray("heads");
    feature.heads().forEach(heads::add);
    if (feature.group() != null) {
      json.put("group", feature.group());
    }
    ArrayNode similar = json.putArray("similar");
    for (Feature.Similar other : feature.similar()) {
      similar.addObject().put("feature", other.feature()).put("cosine", other.cosine());
    }
    return json;
  }

  /** A context with its tokens. */
  public static ObjectNode context(Feature.Context context) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("row", context.row());
    json.put("document", context.document());
    json.put("position", context.position());
    json.put("activation", context.activation());
    ArrayNode tokens = json.putArray("tokens");
    for (Feature.Token token : context.tokens()) {
      tokens.addObject().put("text", token.text()).put("activation", token.activation());
    }
    return json;
  }

  private static ArrayNode effects(List<Feature.Effect> effects) {
    ArrayNode json = JsonNodeFactory.instance.arrayNode();
    for (Feature.Effect effect : effects) {
      json.addObject()
          .put("text", effect.text())
          .put("id", effect.id())
          .put("logit", effect.logit());
    }
    return json;
  }
}
