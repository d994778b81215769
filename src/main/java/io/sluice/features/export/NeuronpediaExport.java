package io.sluice.features.export;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.features.Feature;
import io.sluice.files.AtomicFile;
import io.sluice.files.OutputFolder;
import io.sluice.store.names.TransformerLensNames;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

/**
 * Writes features as the folder that Neuronpedia imports: {@code MODEL/LAYER-SET/} with {@code
 * release.jsonl}, {@code model.jsonl}, {@code sourceset.jsonl}, {@code source.jsonl}, and {@code
 * features/batch-N.jsonl.gz} and {@code activations/batch-N.jsonl.gz}, a JSON object per line. All
 * lines of a file have the same fields, since the importer takes them from the first.
 *
 * <p>Similar features are {@code topkCosSimIndices}. Features that never fire are left out.
 */
public final class NeuronpediaExport {
  private static final int FEATURES_PER_BATCH = 256;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ExportNames names;
  private final String created;

  private NeuronpediaExport(ExportNames names, Instant created) {
    this.names = names;
    this.created = created.toString();
  }

  /**
   * Writes the folder.
   *
   * @param folder a new or empty folder
   * @param created the time that all rows get
   * @return the number of features written
   * @throws IOException if the folder is not empty, or cannot be written
   */
  public static int write(Path folder, ExportNames names, Instant created, FeatureList features)
      throws IOException {
    NewFolder.make(folder);
    Path source = folder.resolve(names.model()).resolve(names.source());
    OutputFolder.make(folder.resolve(names.model()));
    OutputFolder.make(source);
    OutputFolder.make(source.resolve("features"));
    OutputFolder.make(source.resolve("activations"));
    return new NeuronpediaExport(names, created).write(source, features);
  }

  private int write(Path source, FeatureList features) throws IOException {
    int written = 0;
    List<Feature> batch = new ArrayList<>();
    int batches = 0;
    for (Feature feature = features.next(); feature != null; feature = features.next()) {
      if (feature.top().isEmpty()) {
        continue;
      }
      batch.add(feature);
      written++;
      if (batch.size() == FEATURES_PER_BATCH) {
        write(source, batches++, batch);
        batch.clear();
      }
    }
    if (!batch.isEmpty()) {
      write(source, batches, batch);
    }
    line(source.resolve("release.jsonl"), release());
    line(source.resolve("model.jsonl"), model());
    line(source.resolve("sourceset.jsonl"), set());
    line(source.resolve("source.jsonl"), source());
    return written;
  }

  private void write(Path source, int batch, List<Feature> features) throws IOException {
    String file = "batch-" + batch + ".jsonl.gz";
    List<ExportedFeature> exported = features.stream().map(ExportedFeature::new).toList();
    AtomicFile.write(
        source.resolve("features").resolve(file),
        channel -> {
          try (Lines lines = new Lines(channel)) {
            for (ExportedFeature feature : exported) {
              lines.add(json -> feature(json, feature));
            }
          }
          return null;
        });
    AtomicFile.write(
        source.resolve("activations").resolve(file),
        channel -> {
          try (Lines lines = new Lines(channel)) {
            for (ExportedFeature feature : exported) {
              int rank = 0;
              for (ExportedFeature.Shown shown : feature.contexts()) {
                int number = rank++;
                lines.add(json -> activation(json, feature.feature(), number, shown));
              }
            }
          }
          return null;
        });
  }

  private void feature(JsonGenerator json, ExportedFeature exported) throws IOException {
    Feature feature = exported.feature();
    json.writeStringField("modelId", names.model());
    json.writeStringField("layer", names.source());
    json.writeStringField("index", Integer.toString(feature.feature()));
    json.writeStringField("sourceSetName", names.set());
    json.writeStringField("creatorId", names.creator());
    json.writeStringField("createdAt", created);
    json.writeNumberField("maxActApprox", feature.max());
    json.writeBooleanField("hasVector", false);
    json.writeNullField("vectorLabel");
    json.writeStringField("hookName", hookName());
    json.writeArrayFieldStart("topkCosSimIndices");
    for (Feature.Similar similar : feature.similar()) {
      json.writeNumber(similar.feature());
    }
    json.writeEndArray();
    json.writeArrayFieldStart("topkCosSimValues");
    for (Feature.Similar similar : feature.similar()) {
      json.writeNumber(similar.cosine());
    }
    json.writeEndArray();
    FeatureFields.write(json, exported);
  }

  /** The hook point as TransformerLens names it. */
  private String hookName() {
    String kind =
        switch (names.hook()) {
          case "attn_in" -> "ln1.hook_normalized";
          case "mlp_in" -> "ln2.hook_normalized";
          default -> null;
        };
    return kind == null
        ? TransformerLensNames.of("layers." + names.layer() + "." + names.hook(), "").orElseThrow()
        : "blocks." + names.layer() + "." + kind;
  }

  private void activation(
      JsonGenerator json, Feature feature, int rank, ExportedFeature.Shown shown)
      throws IOException {
    float[] sources = shown.bySource();
    json.writeStringField(
        "id",
        String.format(
            Locale.ROOT, "%s_%s_%d_%d", names.model(), names.source(), feature.feature(), rank));
    FeatureFields.tokens(json, shown.context());
    json.writeStringField("modelId", names.model());
    json.writeStringField("layer", names.source());
    json.writeStringField("index", Integer.toString(feature.feature()));
    json.writeNumberField("maxValue", shown.max());
    json.writeNumberField("maxValueTokenIndex", shown.maxAt());
    json.writeNumberField("minValue", shown.min());
    json.writeStringField("creatorId", names.creator());
    json.writeStringField("createdAt", created);
    FeatureFields.numbers(json, "dfaValues", sources);
    if (sources.length > 0) {
      json.writeNumberField("dfaTargetIndex", shown.target());
      json.writeNumberField("dfaMaxValue", FeatureFields.max(sources));
    } else {
      json.writeNullField("dfaTargetIndex");
      json.writeNullField("dfaMaxValue");
    }
    FeatureFields.numbers(json, "lossValues", new float[0]);
    json.writeNullField("logitContributions");
    json.writeNumberField("binMin", shown.least());
    json.writeNumberField("binMax", shown.most());
    json.writeNumberField("binContains", shown.share());
    json.writeNumberField("qualifyingTokenIndex", shown.target());
    json.writeStringField("dataIndex", Long.toString(shown.context().row()));
    json.writeStringField("dataSource", shown.context().document());
  }

  private Map<String, Object> release() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("name", names.set());
    row.put("description", names.set());
    row.put("descriptionShort", names.set());
    row.put("creatorName", names.creator());
    row.put("creatorNameShort", names.creator());
    row.put("creatorId", names.creator());
    row.put("visibility", "PUBLIC");
    row.put("urls", List.of());
    row.put("createdAt", created);
    return row;
  }

  private Map<String, Object> model() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("id", names.model());
    row.put("instruct", false);
    row.put("displayNameShort", names.model());
    row.put("displayName", names.model());
    row.put("creatorId", names.creator());
    row.put("visibility", "PUBLIC");
    row.put("createdAt", created);
    row.put("updatedAt", created);
    return row;
  }

  private Map<String, Object> set() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("modelId", names.model());
    row.put("name", names.set());
    row.put("creatorId", names.creator());
    row.put("creatorName", names.creator());
    row.put("releaseName", names.set());
    row.put("description", "layer " + names.layer() + ", " + names.hook());
    row.put("type", "");
    row.put("urls", List.of());
    row.put("hasDashboards", true);
    row.put("showDfa", names.hook().equals("attn_out") || names.hook().equals("z"));
    row.put("visibility", "PUBLIC");
    row.put("createdAt", created);
    return row;
  }

  private Map<String, Object> source() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("id", names.source());
    row.put("modelId", names.model());
    row.put("setName", names.set());
    row.put("creatorId", names.creator());
    row.put("hasDashboards", true);
    row.put("inferenceEnabled", false);
    row.put("visibility", "PUBLIC");
    row.put("num_prompts", names.prompts());
    row.put("num_tokens_in_prompt", names.tokensInPrompt());
    row.put("dataset", names.dataset());
    row.put("createdAt", created);
    return row;
  }

  private static void line(Path file, Map<String, Object> row) throws IOException {
    AtomicFile.write(file, JSON.writeValueAsString(row) + "\n");
  }

  /** Writes fields into an object. */
  @FunctionalInterface
  private interface Fields {
    void write(JsonGenerator json) throws IOException;
  }

  /** Compressed lines, one object each. */
  private static final class Lines implements AutoCloseable {
    private final GZIPOutputStream out;

    Lines(FileChannel channel) throws IOException {
      out = new GZIPOutputStream(Channels.newOutputStream(channel));
    }

    void add(Fields fields) throws IOException {
      StringWriter line = new StringWriter();
      try (JsonGenerator json = JSON.createGenerator(line)) {
        json.writeStartObject();
        fields.write(json);
        json.writeEndObject();
      }
      out.write(line.append('\n').toString().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
      out.finish();
    }
  }
}
