package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.testing.Python;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code sluice evaluate} measures what SAELens's own evals do on the same tokens; {@code
 * evals_golden.py} wrote what those say.
 */
@Tag("slow")
class EvalsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final double NEAR = 1e-4;

  /** Measures of the store: the name in evaluation.json, and SAELens's. */
  private static final Map<String, String> OF_TOKENS =
      Map.of(
          "explainedVariance", "explained_variance",
          "explainedVarianceLegacy", "explained_variance_legacy",
          "mse", "mse",
          "cosineSimilarity", "cossim",
          "l0", "l0",
          "l1", "l1",
          "l2NormIn", "l2_norm_in",
          "l2NormOut", "l2_norm_out",
          "l2Ratio", "l2_ratio",
          "relativeReconstructionBias", "relative_reconstruction_bias");

  /** Measures in the model. SAELens has no mean ablation; the script took it by its functions. */
  private static final Map<String, String> OF_MODEL =
      Map.of(
          "ceLossWithout", "ce_loss_without_sae",
          "ceLossWithReconstruction", "ce_loss_with_sae",
          "ceLossWithZeroAblation", "ce_loss_with_ablation",
          "ceLossWithMeanAblation", "ce_loss_with_mean_ablation",
          "ceLossScore", "ce_loss_score",
          "klWithReconstruction", "kl_div_with_sae",
          "klWithZeroAblation", "kl_div_with_ablation",
          "klWithMeanAblation", "kl_div_with_mean_ablation",
          "klScore", "kl_div_score");

  /** Columns of the table of positions, and what the script calls them. */
  private static final Map<String, String> BY_POSITION =
      Map.ofEntries(
          Map.entry("mse", "mse"),
          Map.entry("explained_variance", "explained_variance"),
          Map.entry("explained_variance_legacy", "explained_variance_legacy"),
          Map.entry("cosine_similarity", "cossim"),
          Map.entry("l0", "l0"),
          Map.entry("l1", "l1"),
          Map.entry("l2_norm_in", "l2_norm_in"),
          Map.entry("l2_norm_out", "l2_norm_out"),
          Map.entry("l2_ratio", "l2_ratio"),
          Map.entry("relative_reconstruction_bias", "relative_reconstruction_bias"),
          Map.entry("ce_loss_without", "ce_loss_without_sae"),
          Map.entry("ce_loss_with_reconstruction", "ce_loss_with_sae"),
          Map.entry("ce_loss_with_zero_ablation", "ce_loss_with_ablation"),
          Map.entry("ce_loss_with_mean_ablation", "ce_loss_with_mean_ablation"),
          Map.entry("kl_with_reconstruction", "kl_div_with_sae"),
          Map.entry("kl_with_zero_ablation", "kl_div_with_ablation"),
          Map.entry("kl_with_mean_ablation", "kl_div_with_mean_ablation"));

  @TempDir private Path folder;

  @BeforeEach
  void requireTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2-standard", "gpt2-jumprelu", "llama-topk"})
  void agreesWithSaeLens(String name) throws IOException {
    JsonNode expected = JSON.readTree(GOLDEN.resolve("evals/" + name + "/evals.json").toFile());
    Path result = evaluated(name, expected);
    JsonNode found = JSON.readTree(result.toFile());
    near(found, OF_TOKENS, expected.path("evals"));
    near(found.at("/lossRecovered/effect"), OF_MODEL, expected.path("evals"));
    features(folder.resolve("result.features.arrow"), expected.path("features"));
    positions(folder.resolve("result.positions.arrow"), expected.path("positions"));
  }

  private Path evaluated(String name, JsonNode expected) throws IOException {
    String model = GOLDEN.resolve("model/causal/" + expected.path("model").asText()).toString();
    List<String> texts = new ArrayList<>();
    for (JsonNode text : expected.path("texts")) {
      Path file = folder.resolve("text-" + texts.size() + ".txt");
      texts.add(Files.writeString(file, text.asText()).toString());
    }
    String dictionary = folder.resolve("dictionary").toString();
    String store = folder.resolve("store").toString();
    Path result = folder.resolve("result.json");
    String source = GOLDEN.resolve("evals/" + name).toString();
    run("convert", "--dictionary", source, "--to", "sluice", "--out", dictionary);
    JsonNode config = JSON.readTree(Path.of(dictionary, "dictionary.json").toFile());
    String hook = config.path("inputHook").asText();
    String context = expected.path("context").asText();
    List<String> capture = new ArrayList<>(List.of("capture", "--model", model, "--text"));
    capture.addAll(texts);
    capture.addAll(List.of("--context", context, "--hooks", hook, "--out", store));
    run(capture.toArray(String[]::new));
    List<String> evaluate = new ArrayList<>(List.of("evaluate", "--dictionary", dictionary));
    evaluate.addAll(List.of("--store", store, "--model", model, "--text"));
    evaluate.addAll(texts);
    evaluate.addAll(List.of("--context", context, "--out", result.toString()));
    String printed = run(evaluate.toArray(String[]::new));
    assertThat(printed).contains("cosine    ", "CE score  ", "KL        ");
    return result;
  }

  private static void near(JsonNode found, Map<String, String> names, JsonNode expected) {
    names.forEach(
        (own, theirs) -> {
          assertThat(found.has(own)).as(own).isTrue();
          double value = expected.path(theirs).asDouble(Double.NaN);
          assertThat(found.path(own).asDouble())
              .as(own)
              .isCloseTo(value, within(NEAR * Math.max(1, Math.abs(value))));
        });
  }

  private static void features(Path file, JsonNode expected) throws IOException {
    Table table =
        Table.open(
            file,
            List.of(
                TableColumn.of("fired", Element.INT64),
                TableColumn.of("density", Element.FLOAT32),
                TableColumn.of("contexts", Element.INT64),
                TableColumn.nullable("fired_per_context", Element.FLOAT32)),
            "");
    JsonNode density = expected.path("feature_density");
    JsonNode consistent = expected.path("consistent_activation_heuristic");
    assertThat(table.rows()).isEqualTo(density.size());
    for (int feature = 0; feature < table.rows(); feature++) {
      double share = density.get(feature).asDouble();
      assertThat((double) table.column("density").real(feature)).isCloseTo(share, within(NEAR));
      assertThat(table.column("fired").whole(feature)).isEqualTo(Math.round(share * 66));
      if (table.column("contexts").whole(feature) == 0) {
        assertThat(table.column("fired_per_context").isNull(feature)).isTrue();
      } else {
        assertThat((double) table.column("fired_per_context").real(feature))
            .isCloseTo(consistent.get(feature).asDouble(), within(NEAR));
      }
    }
  }

  private void positions(Path file, JsonNode expected) throws IOException {
    JsonNode rows = rows(file);
    assertThat(rows.size()).isEqualTo(12);
    for (int position = 0; position < rows.size(); position++) {
      JsonNode row = rows.get(position);
      assertThat(row.path("position").asInt()).isEqualTo(position);
      assertThat(row.path("tokens").asInt()).isEqualTo(position == 0 ? 0 : 6);
      assertThat(row.path("divergences").asInt()).isEqualTo(position == 0 ? 0 : 6);
      boolean predicts = position > 0 && position < 11;
      assertThat(row.path("predictions").asInt()).isEqualTo(predicts ? 6 : 0);
      for (Map.Entry<String, String> name : BY_POSITION.entrySet()) {
        String about = name.getKey() + " at " + position;
        JsonNode value = expected.path(name.getValue()).path(position);
        if (value.isMissingNode() || value.isNull()) {
          assertThat(row.path(name.getKey()).isNull()).as(about).isTrue();
        } else {
          double wanted = value.asDouble();
          assertThat(row.path(name.getKey()).asDouble())
              .as(about)
              .isCloseTo(wanted, within(NEAR * Math.max(1, Math.abs(wanted))));
        }
      }
    }
  }

  /** The rows of a table of positions, as JSON. */
  private static JsonNode rows(Path file) throws IOException {
    List<TableColumn> columns = new ArrayList<>();
    columns.add(TableColumn.of("position", Element.INT32));
    columns.add(TableColumn.of("tokens", Element.INT64));
    for (String name :
        List.of(
            "mse",
            "explained_variance",
            "explained_variance_legacy",
            "cosine_similarity",
            "l0",
            "l1",
            "l2_norm_in",
            "l2_norm_out",
            "l2_ratio",
            "relative_reconstruction_bias")) {
      columns.add(TableColumn.nullable(name, Element.FLOAT32));
    }
    columns.add(TableColumn.of("predictions", Element.INT64));
    for (String name :
        List.of(
            "ce_loss_without",
            "ce_loss_with_reconstruction",
            "ce_loss_with_zero_ablation",
            "ce_loss_with_mean_ablation",
            "ce_loss_score",
            "ce_loss_score_mean")) {
      columns.add(TableColumn.nullable(name, Element.FLOAT32));
    }
    columns.add(TableColumn.of("divergences", Element.INT64));
    for (String name :
        List.of(
            "kl_with_reconstruction",
            "kl_with_zero_ablation",
            "kl_with_mean_ablation",
            "kl_score",
            "kl_score_mean")) {
      columns.add(TableColumn.nullable(name, Element.FLOAT32));
    }
    Table table = Table.open(file, columns, "");
    var rows = JSON.createArrayNode();
    for (int i = 0; i < table.rows(); i++) {
      var row = rows.addObject();
      for (TableColumn column : columns) {
        if (column.element() != Element.FLOAT32) {
          row.put(column.name(), table.column(column.name()).whole(i));
        } else if (table.column(column.name()).isNull(i)) {
          row.putNull(column.name());
        } else {
          row.put(column.name(), table.column(column.name()).real(i));
        }
      }
    }
    return rows;
  }

  @Tag("python")
  @Test
  void pythonReadsTheTables() throws IOException {
    Python.require();
    JsonNode expected = JSON.readTree(GOLDEN.resolve("evals/llama-topk/evals.json").toFile());
    evaluated("llama-topk", expected);
    Path positions = folder.resolve("result.positions.arrow");
    JsonNode found = JSON.readTree(Python.run("read_table.py", positions));
    JsonNode rows = rows(positions);
    assertThat(found.size()).isEqualTo(12);
    for (int i = 0; i < 12; i++) {
      for (String name : List.of("tokens", "cosine_similarity", "kl_score_mean")) {
        assertThat(found.get(i).get(name).isNull()).isEqualTo(rows.get(i).get(name).isNull());
        assertThat(found.get(i).get(name).asDouble())
            .isCloseTo(rows.get(i).get(name).asDouble(), within(1e-6));
      }
    }
    JsonNode features =
        JSON.readTree(Python.run("read_table.py", folder.resolve("result.features.arrow")));
    assertThat(features.size()).isEqualTo(40);
    assertThat(features.get(3).get("density").asDouble())
        .isCloseTo(features.get(3).get("fired").asDouble() / 66, within(1e-6));
  }

  private static String run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    assertThat(Main.run(out, err, arguments)).as(() -> err + "\n" + out).isZero();
    return out.toString();
  }
}
