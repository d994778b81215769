package io.sluice.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.report.Spectra;

/** Spectra as the text of a {@code spectrum.json}. */
final class SpectrumJson {
  private SpectrumJson() {}

  static String of(Spectra spectra) {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode node = mapper.createObjectNode();
    node.put("format", Spectra.FORMAT);
    node.setAll((ObjectNode) mapper.valueToTree(spectra));
    try {
      return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("spectra have no JSON", e);
    }
  }
}
