package io.sluice.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PromisedL0Test {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71, 71",
    "saes/resid_l0-64.5, 64.5",
    "runs/l0=12, 12",
    "runs/k_32/trained, 32",
    "runs/topk-128, 128",
    "average_l0_71/k_32, 71"
  })
  void readsNames(String name, double expected) {
    assertThat(PromisedL0.ofName(name)).hasValue(expected);
  }

  @ParameterizedTest
  @CsvSource({"layer_0/width_16k", "gpt2-small-l0", "l0_16k", "blocks.0.hook_resid_pre", "task_7"})
  void leavesOtherNumbersAlone(String name) {
    assertThat(PromisedL0.ofName(name)).isEmpty();
  }

  @Test
  void readsConfigurations() throws IOException {
    assertThat(PromisedL0.ofFiles(folder)).isEmpty();
    Path file = folder.resolve("cfg.json");
    Files.writeString(file, "{\"d_in\": 4, \"metadata\": {\"training\": {\"target_l0\": 50}}}");
    assertThat(PromisedL0.ofFiles(folder)).hasValue(50);
    Files.writeString(file, "{\"l0_coefficient\": 3, \"l0\": \"many\"}");
    assertThat(PromisedL0.ofFiles(folder)).isEmpty();
  }
}
