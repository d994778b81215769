package io.sluice.features.export;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.sluice.features.Feature;
import io.sluice.files.AtomicFile;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes features as SAEDashboard's {@code NeuronpediaRunner} does (sae-dashboard 0.8): files
 * {@code batch-0.json}, {@code batch-1.json} and so on, which its {@code NeuronpediaDashboardBatch}
 * reads, and {@code skipped_indexes.json} with the features that never fire.
 *
 * <p>The contexts with the largest activations have the interval from -1 to 99, as there; others
 * have the bin of the histogram in which they are. Contributions of source tokens ({@code dfa_…})
 * are sums over heads of those that the folder lists. Tables of neurons and correlations are empty.
 */
public final class SaeDashboardExport {
  /** Features in one file. */
  static final int FEATURES_PER_BATCH = 256;

  private static final JsonFactory JSON = new JsonFactory();

  private SaeDashboardExport() {}

  /**
   * Writes the files.
   *
   * @param folder a new or empty folder
   * @return the number of features written
   * @throws IOException if the folder is not empty, or cannot be written
   */
  public static int write(Path folder, ExportNames names, FeatureList features) throws IOException {
    NewFolder.make(folder);
    List<Integer> skipped = new ArrayList<>();
    int written = 0;
    int batches = 0;
    List<Feature> batch = new ArrayList<>();
    for (Feature feature = features.next(); feature != null; feature = features.next()) {
      if (feature.top().isEmpty()) {
        skipped.add(feature.feature());
        continue;
      }
      batch.add(feature);
      written++;
      if (batch.size() == FEATURES_PER_BATCH) {
        writeFeatures(folder.resolve("batch-" + batches++ + ".json"), names, batch);
        batch.clear();
      }
    }
    if (!batch.isEmpty()) {
      writeFeatures(folder.resolve("batch-" + batches + ".json"), names, batch);
    }
    writeSkipped(folder.resolve("skipped_indexes.json"), names, skipped);
    return written;
  }

  /** What follows the names in a file. */
  @FunctionalInterface
  private interface Content {
    void writeTo(JsonGenerator json) throws IOException;
  }

  private static void writeFeatures(Path file, ExportNames names, List<Feature> features)
      throws IOException {
    write(
        file,
        names,
        json -> {
          json.writeNullField("sae_id_suffix");
          json.writeArrayFieldStart("features");
          for (Feature feature : features) {
            feature(json, names, new ExportedFeature(feature));
          }
          json.writeEndArray();
        });
  }

  private static void writeSkipped(Path file, ExportNames names, List<Integer> skipped)
      throws IOException {
    write(
        file,
        names,
        json -> {
          json.writeArrayFieldStart("skipped_indexes");
          for (int feature : skipped) {
            json.writeNumber(feature);
          }
          json.writeEndArray();
        });
  }

  private static void write(Path file, ExportNames names, Content content) throws IOException {
    AtomicFile.write(
        file,
        channel -> {
          OutputStream out = Channels.newOutputStream(channel);
          try (JsonGenerator json = JSON.createGenerator(out, JsonEncoding.UTF8)) {
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.writeStartObject();
            head(json, names);
            content.writeTo(json);
            json.writeEndObject();
          }
          return null;
        });
  }

  private static void head(JsonGenerator json, ExportNames names) throws IOException {
    json.writeStringField("model_id", names.model());
    json.writeNumberField("layer", names.layer());
    json.writeStringField("sae_set", names.set());
  }

  private static void feature(JsonGenerator json, ExportNames names, ExportedFeature exported)
      throws IOException {
    json.writeStartObject();
    json.writeNumberField("feature_index", exported.feature().feature());
    FeatureFields.write(json, exported);
    json.writeNumberField("n_prompts_total", names.prompts());
    json.writeNumberField("n_tokens_in_prompt", names.tokensInPrompt());
    json.writeStringField("dataset", names.dataset());
    json.writeArrayFieldStart("activations");
    for (ExportedFeature.Shown shown : exported.contexts()) {
      json.writeStartObject();
      json.writeNumberField("bin_min", shown.least());
      json.writeNumberField("bin_max", shown.most());
      json.writeNumberField("bin_contains", shown.share());
      FeatureFields.tokens(json, shown.context());
      json.writeNumberField("qualifying_token_index", shown.target());
      float[] sources = shown.bySource();
      if (sources.length > 0) {
        FeatureFields.numbers(json, "dfa_values", sources);
        json.writeNumberField("dfa_maxValue", FeatureFields.max(sources));
        json.writeNumberField("dfa_targetIndex", shown.target());
      }
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
