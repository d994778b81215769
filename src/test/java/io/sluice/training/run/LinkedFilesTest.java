package io.sluice.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.evaluation.FrequencyHistogram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run's folder may come from a stranger: what its links point to is not touched. */
class LinkedFilesTest {
  private static final String CONTENT = "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n";

  @TempDir private Path temp;
  private Path run;
  private Path elsewhere;

  @BeforeEach
  void writeRun() throws IOException {
    run = temp.resolve("run");
    elsewhere = Files.writeString(temp.resolve("elsewhere"), CONTENT);
    try (RunFolder folder = RunFolder.create(run)) {
      folder.describe("name", JsonNodeFactory.instance.objectNode(), null);
    }
  }

  @Test
  void metricsAreNeitherCutNorAppendedToThroughALink() throws IOException {
    Path link = Files.createSymbolicLink(run.resolve("metrics.jsonl"), elsewhere);
    try (RunFolder folder = RunFolder.reopen(run)) {
      assertThatThrownBy(() -> folder.forgetMetricsAfter(1))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(link + ": is a link");
      assertThatThrownBy(
              () -> folder.append(new Metrics(4, 1, 1, 1, null, 1, 0, 1, 1, 1, 1, null, null)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(link + ": is a link");
    }
    assertThat(elsewhere).hasContent(CONTENT);
  }

  @Test
  void anEvaluationAndADescriptionReplaceLinks() throws IOException {
    Files.delete(run.resolve("run.json"));
    for (String name : new String[] {"run.json", "evaluation.json"}) {
      Files.createSymbolicLink(run.resolve(name), elsewhere);
    }
    Evaluator.write(
        new Evaluation(9, 0.5, 0.5, 2, 0, 9, FrequencyHistogram.of(new long[] {1}, 9), null), run);
    try (RunFolder folder = RunFolder.reopen(run)) {
      folder.describe("name", JsonNodeFactory.instance.objectNode(), null);
    }
    assertThat(elsewhere).hasContent(CONTENT);
    assertThat(Files.isSymbolicLink(run.resolve("run.json"))).isFalse();
    assertThat(Files.readString(run.resolve("evaluation.json"))).contains("\"fvu\" : 0.5");
  }
}
