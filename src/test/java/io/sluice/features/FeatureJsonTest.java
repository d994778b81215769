package io.sluice.features;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class FeatureJsonTest {
  @Test
  void hasTheDocumentedFields() throws Exception {
    String expected =
        """
        {"feature": 123, "density": 4.2E-4, "max": 4.0, "mean": 1.5,
         "top": [{"row": 77, "document": "moby.txt", "position": 40, "activation": 4.0, "tokens": [
           {"text": "the", "activation": 0.0}, {"text": " white", "activation": 1.0},
           {"text": " whale", "activation": 4.0}, {"text": "\\n", "activation": 0.0},
           {"text": "\\u001b[31m", "activation": 0.5}, {"text": "\\u202e", "activation": 0.0}]}],
         "promotes": [{"text": " sea", "id": 6, "logit": 2.5}],
         "suppresses": [{"text": "\\t", "id": 9, "logit": -1.25}],
         "heads": [0.1, -0.05, 0.9], "similar": [{"feature": 7, "cosine": 0.75}]}
        """;
    ObjectMapper json = new ObjectMapper();
    String written = json.writeValueAsString(FeatureJson.of(SampleFeature.make()));
    assertThat(json.readTree(written)).isEqualTo(json.readTree(expected));
  }

  @Test
  void anUnknownDocumentIsNull() {
    assertThat(
            FeatureJson.context(SampleFeature.make().lower().getFirst()).get("document").isNull())
        .isTrue();
  }
}
