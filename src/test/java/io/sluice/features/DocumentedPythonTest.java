package io.sluice.features;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The lines of Python in {@code docs/features.md} read a folder without Sluice. */
@Tag("python")
class DocumentedPythonTest {
  @TempDir private Path folder;

  @Test
  void makeAPromptOfTheTopContexts() throws Exception {
    SyntheticFeatures.write(folder.resolve("features"), 130);
    Process python =
        new ProcessBuilder(Python.require().toString(), "-")
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .start();
    python.getOutputStream().write(block().getBytes(StandardCharsets.UTF_8));
    python.getOutputStream().close();
    List<String> lines =
        new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    assertThat(python.waitFor()).as(lines.toString()).isZero();
    List<FeatureContext> top =
        SyntheticFeatures.contexts(123, 5, 3).stream()
            .filter(context -> context.kind() == FeatureContexts.TOP)
            .toList();
    assertThat(lines).hasSize(1 + top.size());
    for (int i = 0; i < top.size(); i++) {
      FeatureContext context = top.get(i);
      StringBuilder expected = new StringBuilder();
      IntStream.range(0, context.tokens().length)
          .forEach(
              at -> {
                String word = " " + SyntheticFeatures.WORDS.get(context.tokens()[at]);
                expected.append(context.activations()[at] > 0 ? "[" + word + "]" : word);
              });
      assertThat(lines.get(1 + i)).isEqualTo(expected.toString());
    }
  }

  private static String block() throws IOException {
    String page = Files.readString(Path.of("docs/features.md"));
    int from = page.indexOf("```python\n") + "```python\n".length();
    return page.substring(from, page.indexOf("```", from));
  }
}
