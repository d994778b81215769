package io.sluice.hub;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubNameTest {
  @ParameterizedTest
  @CsvSource({
    "HuggingFaceTB/SmolLM2-135M, HuggingFaceTB/SmolLM2-135M, main, ''",
    "a/b@v1.0, a/b, v1.0, ''",
    "a/b/layers.10, a/b, main, layers.10",
    "a/b@v1/layers.10/x, a/b, v1, layers.10/x",
    "a/b@refs/pr/4, a/b, refs/pr/4, ''",
    "a/b@refs/pr/4/x, a/b, refs/pr/4, x",
    "a/b@refs/convert/parquet/x, a/b, refs/convert/parquet, x",
    "a/b@feature%2Fx/y, a/b, feature/x, y",
    "hf://a/b@v1/c, a/b, v1, c",
    "hf:/a/b, a/b, main, ''",
    "hf://models/a/b, a/b, main, ''",
    "a/b/, a/b, main, ''",
  })
  void readsNames(String text, String repository, String revision, String path) {
    HubName name = HubName.parse(text).orElseThrow();
    assertThat(name.repository()).isEqualTo(repository);
    assertThat(name.revision()).isEqualTo(revision);
    assertThat(name.path()).isEqualTo(path);
    assertThat(name.isExplicit()).isEqualTo(text.startsWith("hf:"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model",
        "/a/b",
        "./a/b",
        "../a/b",
        "a/../b",
        "a/b/../c",
        "a/b/./c",
        "a/b//c",
        "a/b@",
        "a/b@../x",
        "a/b@..%2F..%2Fx",
        "a/b@%2Fetc",
        "a/b@.x",
        "a/b--c",
        "a..b/c",
        "a/b.git",
        "-a/b",
        "a/b.",
        "~/model",
        "a\\b/c",
        "a/b\\c",
        "a/b/c\\..\\d",
        "a b/c",
        "hf://datasets/a/b",
        "hf://spaces/a",
        "",
      })
  void refusesWhatIsNoName(String text) {
    assertThat(HubName.parse(text)).isEmpty();
  }

  @Test
  void isWrittenAsItIsRead() {
    for (String text : new String[] {"a/b", "a/b@v1", "a/b/c", "a/b@refs/pr/4/c/d"}) {
      assertThat(HubName.parse(text).orElseThrow()).hasToString(text);
      assertThat(HubName.parse("hf://" + text).orElseThrow()).hasToString(text);
    }
  }
}
