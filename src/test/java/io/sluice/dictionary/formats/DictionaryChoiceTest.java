package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DictionaryChoiceTest {
  private static final DictionaryChoice ANY = DictionaryChoice.ofAny();
  private static final DictionaryChoice SLUICE = DictionaryChoice.ofSluice();

  private static List<String> choose(DictionaryChoice choice, String... names) throws IOException {
    return choice.of("maker/saes", List.of(names), null);
  }

  @Test
  void takesTheTwoFilesOfAFormat() throws IOException {
    assertThat(
            choose(ANY, "README.md", "cfg.json", "sae_weights.safetensors", "sparsity.safetensors"))
        .containsExactly("cfg.json", "sae_weights.safetensors");
    assertThat(choose(ANY, "cfg.json", "sae.safetensors"))
        .containsExactly("cfg.json", "sae.safetensors");
    assertThat(choose(ANY, "ae.pt", "config.json", "layers.1/cfg.json"))
        .containsExactly("config.json", "ae.pt");
    assertThat(choose(SLUICE, "dictionary.json", "dictionary.safetensors", "metrics.jsonl"))
        .containsExactly("dictionary.json", "dictionary.safetensors");
  }

  @Test
  void takesAllLayersOfACrossLayerTranscoder() throws IOException {
    List<String> names =
        List.of(
            "cross-layer.json",
            "layer-00/dictionary.json",
            "layer-00/dictionary.safetensors",
            "layer-01/dictionary.json",
            "layer-01/dictionary.safetensors");
    assertThat(choose(SLUICE, names.toArray(String[]::new))).isEqualTo(names);
    assertThat(SLUICE.suffices(names)).isTrue();
    assertThat(SLUICE.suffices(names.subList(0, 4))).isFalse();
    assertThat(SLUICE.suffices(names.subList(0, 3))).isFalse();
  }

  @Test
  void saysWhatToDoInstead() {
    refused(
        SLUICE,
        "is in the format of sparsify; convert it first: sluice convert --dictionary maker/saes --to sluice --out DIR",
        "cfg.json",
        "sae.safetensors");
    refused(
        new DictionaryChoice(List.of(DictionaryFormat.SAELENS)),
        "is in the format of sparsify, not of saelens",
        "cfg.json",
        "sae.safetensors");
    refused(
        ANY,
        "has 5 dictionaries in folders; add the name of one: /layers.0, /layers.1, /layers.2, …",
        IntStream.range(0, 5)
            .boxed()
            .flatMap(
                i ->
                    List.of("layers." + i + "/cfg.json", "layers." + i + "/sae.safetensors")
                        .stream())
            .toArray(String[]::new));
    refused(
        ANY,
        "holds no dictionary of a format that is read here; they are sluice (dictionary.json, dictionary.safetensors), saelens (",
        "README.md");
    assertThatThrownBy(() -> ANY.of("m/cfg.json", List.of("cfg.json"), "cfg.json"))
        .isInstanceOf(IOException.class)
        .hasMessage("m/cfg.json: is a file; name the dictionary's folder");
  }

  private static void refused(DictionaryChoice choice, String message, String... names) {
    assertThatThrownBy(() -> choose(choice, names))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("maker/saes: " + message);
  }
}
