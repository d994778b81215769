package io.sluice.features.export;

import com.fasterxml.jackson.core.JsonGenerator;
import io.sluice.features.Feature;
import java.io.IOException;
import java.util.List;

/** The fields that SAEDashboard and Neuronpedia name alike. */
final class FeatureFields {
  /** Tables that need the model's neurons or co-activations, which a folder does not have. */
  private static final List<String> UNKNOWN =
      List.of(
          "neuron_alignment_indices",
          "neuron_alignment_values",
          "neuron_alignment_l1",
          "correlated_neurons_indices",
          "correlated_neurons_l1",
          "correlated_neurons_pearson",
          "correlated_features_indices",
          "correlated_features_l1",
          "correlated_features_pearson",
          "logits_hist_data_bar_heights",
          "logits_hist_data_bar_values",
          "decoder_weights_dist",
          "vector");

  private FeatureFields() {}

  /** Writes them into the current object. */
  static void write(JsonGenerator json, ExportedFeature exported) throws IOException {
    Feature feature = exported.feature();
    for (String name : UNKNOWN) {
      json.writeArrayFieldStart(name);
      json.writeEndArray();
    }
    effects(json, "neg", feature.suppresses());
    effects(json, "pos", feature.promotes());
    json.writeNumberField("frac_nonzero", feature.density());
    json.writeArrayFieldStart("freq_hist_data_bar_values");
    for (Feature.Bin bin : exported.bins()) {
      json.writeNumber((float) ((bin.from() + bin.to()) / 2));
    }
    json.writeEndArray();
    json.writeArrayFieldStart("freq_hist_data_bar_heights");
    for (Feature.Bin bin : exported.bins()) {
      json.writeNumber((double) bin.count());
    }
    json.writeEndArray();
  }

  private static void effects(JsonGenerator json, String prefix, List<Feature.Effect> effects)
      throws IOException {
    json.writeArrayFieldStart(prefix + "_str");
    for (Feature.Effect effect : effects) {
      json.writeString(effect.text());
    }
    json.writeEndArray();
    json.writeArrayFieldStart(prefix + "_values");
    for (Feature.Effect effect : effects) {
      json.writeNumber(effect.logit());
    }
    json.writeEndArray();
  }

  /** Writes the tokens of a context, and the activation at each, as arrays of these names. */
  static void tokens(JsonGenerator json, Feature.Context context) throws IOException {
    json.writeArrayFieldStart("tokens");
    for (Feature.Token token : context.tokens()) {
      json.writeString(token.text());
    }
    json.writeEndArray();
    json.writeArrayFieldStart("values");
    for (Feature.Token token : context.tokens()) {
      json.writeNumber(token.activation());
    }
    json.writeEndArray();
  }

  /** Writes numbers as an array. */
  static void numbers(JsonGenerator json, String name, float[] values) throws IOException {
    json.writeArrayFieldStart(name);
    for (float value : values) {
      json.writeNumber(value);
    }
    json.writeEndArray();
  }

  static float max(float[] values) {
    float max = values[0];
    for (float value : values) {
      max = Math.max(max, value);
    }
    return max;
  }
}
