package io.sluice.features.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.features.Feature;
import io.sluice.features.SampleFeature;
import io.sluice.testing.Python;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportTest {
  private static final ExportNames NAMES =
      new ExportNames("gpt2-small", "sluice-att", 9, "attn_out", "moby.txt", 400, 256, "me");

  private static final Set<String> TABLES =
      Set.of(
          "neuron_alignment_indices",
          "neuron_alignment_values",
          "neuron_alignment_l1",
          "correlated_neurons_indices",
          "correlated_neurons_l1",
          "correlated_neurons_pearson",
          "correlated_features_indices",
          "correlated_features_l1",
          "correlated_features_pearson",
          "neg_str",
          "neg_values",
          "pos_str",
          "pos_values",
          "frac_nonzero",
          "freq_hist_data_bar_heights",
          "freq_hist_data_bar_values",
          "logits_hist_data_bar_heights",
          "logits_hist_data_bar_values",
          "decoder_weights_dist",
          "vector");

  @TempDir private Path folder;

  @Test
  void saeDashboardsFieldsAreThoseOfItsClasses() throws IOException {
    Path out = folder.resolve("out");
    assertThat(SaeDashboardExport.write(out, NAMES, features(300))).isEqualTo(299);
    assertThat(Files.list(out).map(file -> file.getFileName().toString()))
        .containsExactlyInAnyOrder("batch-0.json", "batch-1.json", "skipped_indexes.json");
    JsonNode batch = json(Files.readString(out.resolve("batch-0.json")));
    assertThat(names(batch))
        .containsExactlyInAnyOrder("model_id", "layer", "sae_set", "sae_id_suffix", "features");
    assertThat(batch.get("features")).hasSize(256);
    JsonNode feature = batch.get("features").get(0);
    Set<String> fields = new TreeSet<>(TABLES);
    fields.addAll(
        Set.of("feature_index", "n_prompts_total", "n_tokens_in_prompt", "dataset", "activations"));
    assertThat(names(feature)).containsExactlyInAnyOrderElementsOf(fields);
    JsonNode top = feature.get("activations").get(0);
    assertThat(top.get("bin_max").asInt()).isEqualTo(99);
    assertThat(top.get("qualifying_token_index").asInt()).isEqualTo(2);
    assertThat(top.get("tokens").get(2).asText()).isEqualTo(" whale");
    assertThat(top.get("values").get(2).asDouble()).isEqualTo(4);
    assertThat(top.get("dfa_values").get(1).asDouble()).isEqualTo(2.5);
    assertThat(top.get("dfa_maxValue").asDouble()).isEqualTo(2.5);
    assertThat(json(Files.readString(out.resolve("skipped_indexes.json"))).get("skipped_indexes"))
        .hasToString("[7]");
  }

  @Test
  @Tag("python")
  void saeDashboardsOwnCodeReadsIt() throws IOException {
    Path out = folder.resolve("out");
    SaeDashboardExport.write(out, NAMES, features(300));
    assertThat(Python.run(Python.requireSaeDashboard(), "read_dashboard.py", out).strip())
        .isEqualTo("299");
  }

  /** The columns of Neuronpedia's tables, as its {@code neuronpedia_utils.db_models} list them. */
  @Test
  void neuronpediasRowsHaveItsColumns() throws IOException {
    Path out = folder.resolve("out");
    assertThat(NeuronpediaExport.write(out, NAMES, Instant.EPOCH, features(10))).isEqualTo(9);
    Path source = out.resolve("gpt2-small/9-sluice-att");
    JsonNode row = json(Files.readString(source.resolve("source.jsonl")));
    assertThat(row.get("id").asText()).isEqualTo("9-sluice-att");
    assertThat(row.get("setName").asText())
        .isEqualTo(json(Files.readString(source.resolve("sourceset.jsonl"))).get("name").asText());
    assertThat(json(Files.readString(source.resolve("model.jsonl"))).get("id").asText())
        .isEqualTo("gpt2-small");
    assertThat(json(Files.readString(source.resolve("release.jsonl"))).get("name").asText())
        .isEqualTo("sluice-att");

    List<JsonNode> features = lines(source.resolve("features/batch-0.jsonl.gz"));
    assertThat(features).hasSize(9);
    Set<String> columns = new TreeSet<>(TABLES);
    columns.addAll(
        Set.of("modelId", "layer", "index", "creatorId", "createdAt", "maxActApprox", "hasVector"));
    columns.addAll(Set.of("vectorLabel", "hookName", "topkCosSimIndices", "topkCosSimValues"));
    columns.add("sourceSetName");
    assertThat(features).allSatisfy(line -> assertThat(names(line)).isEqualTo(columns));
    assertThat(features.getFirst().get("topkCosSimIndices")).hasToString("[7]");
    assertThat(features.getFirst().get("hookName").asText()).isEqualTo("blocks.9.hook_attn_out");

    List<JsonNode> activations = lines(source.resolve("activations/batch-0.jsonl.gz"));
    assertThat(activations).hasSize(9 * 2);
    assertThat(activations.stream().map(line -> line.get("id").asText())).doesNotHaveDuplicates();
    Set<String> expected = new TreeSet<>();
    expected.addAll(Set.of("id", "tokens", "index", "layer", "modelId", "maxValue", "minValue"));
    expected.addAll(Set.of("maxValueTokenIndex", "values", "creatorId", "dataSource", "dataIndex"));
    expected.addAll(Set.of("dfaValues", "dfaTargetIndex", "dfaMaxValue", "createdAt", "binMin"));
    expected.addAll(Set.of("lossValues", "logitContributions", "binMax", "binContains"));
    expected.add("qualifyingTokenIndex");
    assertThat(activations).allSatisfy(line -> assertThat(names(line)).isEqualTo(expected));
    assertThat(activations.getFirst().get("maxValueTokenIndex").asInt()).isEqualTo(2);
  }

  @Test
  void refusesWhatCannotBeAFolder() throws IOException {
    assertThatThrownBy(() -> new ExportNames("../x", "s", 0, "z", "", 1, 1, ""))
        .hasMessageContaining("'../x'");
    Files.writeString(folder.resolve("there"), "");
    assertThatThrownBy(() -> SaeDashboardExport.write(folder, NAMES, features(1)))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + ": is not empty; name a new folder");
  }

  /** Feature 7 never fires. */
  private static FeatureList features(int count) {
    Feature sample = SampleFeature.make();
    int[] next = {0};
    return () -> {
      if (next[0] == count) {
        return null;
      }
      int number = next[0]++;
      return new Feature(
          number,
          sample.count(),
          sample.density(),
          sample.mean(),
          sample.max(),
          sample.dead(),
          sample.histogram(),
          sample.encoderNorm(),
          sample.decoderNorm(),
          sample.cosine(),
          sample.activeShare(),
          number == 7 ? List.of() : sample.top(),
          number == 7
              ? List.of()
              : List.of(
                  new Feature.Context(
                      5, null, 5, 1.5f, 5, List.of(new Feature.Token("x", 1.5f)), List.of())),
          sample.promotes(),
          sample.suppresses(),
          sample.heads(),
          sample.group(),
          sample.similar());
    };
  }

  private static JsonNode json(String text) throws IOException {
    return new ObjectMapper().readTree(text);
  }

  private static Set<String> names(JsonNode object) {
    Set<String> names = new TreeSet<>();
    for (Iterator<String> each = object.fieldNames(); each.hasNext(); ) {
      names.add(each.next());
    }
    return names;
  }

  private static List<JsonNode> lines(Path file) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.add(json(line));
      }
    }
    return lines;
  }
}
