package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.model.parts.ConfigKeys;
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
    assertSection("config.json", ConfigKeys.markdown());
  }

  @Test
  void hasTheKeysOfGgufFiles() throws IOException {
    assertSection("GGUF", GgufKeys.markdown());
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
