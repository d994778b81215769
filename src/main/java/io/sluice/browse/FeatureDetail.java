package io.sluice.browse;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.features.Feature;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureJson;
import io.sluice.features.FeatureReader;
import io.sluice.features.Sources;
import io.sluice.features.compare.MatchFile;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * One feature as the page shows it: the object of {@code sluice features --show --json}, and with
 * it the histogram, the weaker contexts, the norms, where attention took each activation from, and
 * the features of another dictionary that are most like it. Safe for use by several threads.
 */
final class FeatureDetail {
  private final FeatureReader reader;
  private final Optional<Sources> sources;
  private final BrowsedFeatures browsed;
  private final int which;

  /** Of the first folder (0) or the second (1). */
  FeatureDetail(BrowsedFeatures browsed, int which) throws IOException {
    this.browsed = browsed;
    this.which = which;
    FeatureFolder folder = browsed.folders().get(which);
    reader = new FeatureReader(folder);
    sources = Sources.open(folder);
  }

  /**
   * Reads a feature.
   *
   * @throws IllegalArgumentException if there is no such feature
   * @throws java.io.UncheckedIOException if a file is damaged there
   */
  ObjectNode of(int number) {
    Feature feature = reader.read(number);
    ObjectNode json = FeatureJson.of(feature);
    json.put("dead", feature.dead());
    json.put("encoderNorm", feature.encoderNorm());
    json.put("decoderNorm", feature.decoderNorm());
    json.put("cosine", feature.cosine());
    json.put("activeShare", feature.activeShare());
    ArrayNode histogram = json.putArray("histogram");
    for (Feature.Bin bin : feature.histogram()) {
      histogram.addObject().put("from", bin.from()).put("to", bin.to()).put("count", bin.count());
    }
    addPlaces(json.withArray("top"), feature.top(), number);
    ArrayNode lower = json.putArray("lower");
    feature.lower().forEach(context -> lower.add(FeatureJson.context(context)));
    addPlaces(lower, feature.lower(), -1);
    if (browsed.folders().size() > 1) {
      addMatches(json.putArray("matches"), number);
    }
    return json;
  }

  /** The features of the other dictionary that are most like it, with the tokens they fire on. */
  private void addMatches(ArrayNode matches, int number) {
    FeatureFolder other = browsed.folders().get(1 - which);
    for (MatchFile.Match match : browsed.matches(which, number)) {
      ObjectNode json = matches.addObject();
      json.put("feature", match.feature());
      json.put("cosine", match.cosine());
      json.put("partner", match.partner());
      json.put("dead", other.features().dead(match.feature()));
      ArrayNode peaks = json.putArray("peaks");
      PeakIndex.peaks(other, match.feature()).forEach(peaks::add);
    }
  }

  /** Adds what contexts lack; their sources are read if {@code feature} is not negative. */
  private void addPlaces(ArrayNode contexts, List<Feature.Context> from, int feature) {
    for (int rank = 0; rank < from.size(); rank++) {
      ObjectNode context = (ObjectNode) contexts.get(rank);
      context.put("first", from.get(rank).first());
      int at = rank;
      Optional<Sources.Split> split =
          feature < 0 ? Optional.empty() : sources.flatMap(all -> all.of(feature, at));
      split.ifPresent(all -> addSources(context, all));
    }
  }

  private static void addSources(ObjectNode context, Sources.Split split) {
    ArrayNode list = context.putArray("sources");
    for (int i = 0; i < split.positions().length; i++) {
      ObjectNode source = list.addObject().put("position", split.positions()[i]);
      if (split.heads()[i] != Sources.Split.NO_HEAD) {
        source.put("head", split.heads()[i]);
      }
      source.put("contribution", split.contributions()[i]);
    }
    context.put("rest", split.rest());
    context.put("bias", split.bias());
  }
}
