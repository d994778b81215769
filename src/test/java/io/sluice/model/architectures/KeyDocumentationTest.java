package io.sluice.model.architectures;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.bert.BertFamily;
import io.sluice.model.bert.ModernBertCheckpoint;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.GgufKeys;
import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.rotary.RotaryKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * The documentation has the tables of keys that the checks read. {@code -Dsluice.write-docs=true}
 * writes them there.
 */
class KeyDocumentationTest {
  private static final Path PAGE =
      Path.of(System.getProperty("basedir", "")).resolve("docs").resolve("models.md");

  @Test
  void hasTheKeysOfConfigJson() throws IOException {
    StringBuilder text = new StringBuilder();
    section(text, "config.json", "All of them", CommonKeys.table());
    for (Architecture each : Architectures.builtIn().all()) {
      section(text, "config.json", "`" + each.label() + "`", each.configKeys());
    }
    for (BertFamily each : BertFamily.values()) {
      section(text, "config.json", "`" + each.label() + "`", each.keys());
    }
    section(
        text, "config.json", "`" + ModernBertCheckpoint.LABEL + "`", ModernBertCheckpoint.keys());
    section(text, "config.json", "Inside `rope_parameters` or `rope_scaling`", RotaryKeys.all());
    section(text, "config.json", "The same of `gpt_neox`", RotaryKeys.partial());
    section(text, "config.json", "The same of `phi3`", RotaryKeys.longRope());
    section(
        text,
        "config.json",
        "`rope_parameters` of `gemma3_text` and `modernbert`",
        RotaryKeys.layerTypes());
    section(
        text,
        "config.json",
        "Inside these, or inside its `rope_scaling`",
        RotaryKeys.ofLayerType());
    assertSection("config.json", text.toString());
  }

  @Test
  void hasTheKeysOfGgufFiles() throws IOException {
    StringBuilder text = new StringBuilder();
    section(text, "GGUF", "Any file", GgufKeys.common());
    for (Architecture each : Architectures.builtIn().all()) {
      if (each.gguf() != null) {
        section(text, "GGUF", "`" + each.gguf().label() + ".`…", each.gguf().keys());
      }
    }
    assertSection("GGUF", text.toString());
  }

  private static void section(StringBuilder text, String kind, String heading, KeyTable table) {
    String column = kind.equals("GGUF") ? kind : "`" + kind + "`";
    text.append("\n").append(heading).append(":\n\n| | ").append(column);
    text.append(" |\n|---|---|\n").append(table.markdown());
  }

  private static void assertSection(String name, String expected) throws IOException {
    String page = Files.readString(PAGE);
    String begin = "<!-- " + name + ": written by KeyDocumentationTest -->\n";
    int from = page.indexOf(begin) + begin.length();
    int to = page.indexOf("<!-- end -->", from);
    assertThat(page).contains(begin);
    assertThat(to).isPositive();
    if (Boolean.getBoolean("sluice.write-docs")) {
      Files.writeString(PAGE, page.substring(0, from) + expected + page.substring(to));
      return;
    }
    assertThat(page.substring(from, to))
        .as("run this test with -Dsluice.write-docs=true to bring the page up to date")
        .isEqualTo(expected);
  }
}
