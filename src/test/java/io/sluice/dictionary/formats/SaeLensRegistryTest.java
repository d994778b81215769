package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SaeLensRegistryTest {
  @TempDir private Path folder;
  private Map<String, String> environment;

  @BeforeEach
  void install() throws IOException {
    Path file = folder.resolve("venv/lib/python3.11/site-packages/sae_lens/pretrained_saes.yaml");
    Files.createDirectories(file.getParent());
    Files.writeString(
        file,
        """
        tiny-scope:
          conversion_func: gemma_2
          model: gemma-2-2b
          repo_id: maker/tiny-scope
          saes:
          - id: layer_12/width_16k/canonical
            path: layer_12/width_16k/average_l0_22
            l0: 22
          - id: layer_13/width_16k/canonical
            path: layer_13/width_16k/average_l0_23
        tiny-tm:
          conversion_func: null
          repo_id: maker/tiny-tm
          config_overrides:
            dataset_path: x/y
            model_from_pretrained_kwargs:
              center_writing_weights: true
              center_unembed: true
          saes:
          - id: blocks.0.hook_mlp_out
            norm_scaling_factor: 3.5
            path: .
        odd:
          conversion_func: temporal
          repo_id: maker/odd
          saes:
          - id: a
            path: a
        changed:
          conversion_func: null
          repo_id: maker/changed
          config_overrides:
            normalize_activations: constant_norm_rescale
          saes:
          - id: a
            path: a
        folded:
          conversion_func: null
          repo_id: maker/folded
          config_overrides:
            model_from_pretrained_kwargs:
              fold_value_biases: true
          saes:
          - id: a
            path: a
        elsewhere:
          conversion_func: gemma_2
          repo_id: maker/elsewhere
          config_overrides:
            model_from_pretrained_kwargs:
              center_writing_weights: true
          saes:
          - id: a
            path: a
        """);
    environment = Map.of("VIRTUAL_ENV", folder.resolve("venv").toString());
  }

  @Test
  void findsWhereADictionaryLies() throws IOException {
    for (String before : new String[] {"saelens://", "saelens:/", "saelens:", ""}) {
      assertThat(
              SaeLensRegistry.find(before + "tiny-scope/layer_12/width_16k/canonical", environment))
          .contains(
              new SaeLensRegistry.Entry(
                  "maker/tiny-scope/layer_12/width_16k/average_l0_22",
                  OptionalDouble.empty(),
                  Optional.empty()));
    }
    assertThat(SaeLensRegistry.find("tiny-tm/blocks.0.hook_mlp_out", environment))
        .contains(
            new SaeLensRegistry.Entry("maker/tiny-tm", OptionalDouble.of(3.5), Optional.of(true)));
    Path file = folder.resolve("venv/lib/python3.11/site-packages/sae_lens/pretrained_saes.yaml");
    Map<String, String> named = Map.of(SaeLensRegistry.VARIABLE, file.toString());
    assertThat(SaeLensRegistry.find("saelens://tiny-tm/blocks.0.hook_mlp_out", named)).isPresent();
  }

  @Test
  void otherNamesAreNoneOfItsReleases() throws IOException {
    assertThat(SaeLensRegistry.find("maker/tiny-scope/layer_12", environment)).isEmpty();
    assertThat(SaeLensRegistry.find("tiny-scope", environment)).isEmpty();
    assertThat(SaeLensRegistry.find("tiny-scope/layer_12/width_16k/canonical", Map.of())).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "saelens://none/a, there is no release 'none'",
    "saelens://tiny-scope/layer_9, 'has no such dictionary among its 2: ''layer_12/width_16k/canonical'''",
    "odd/a, loader 'temporal'",
    "changed/a, overrides 'normalize_activations'",
    "folded/a, fold_value_biases is true in 'model_from_pretrained_kwargs'",
    "elsewhere/a, center_writing_weights is overridden for the loader 'gemma_2'",
    "saelens://tiny-scope, give saelens://RELEASE/SAE_ID",
  })
  void saysWhatItLacks(String name, String expected) {
    assertThatThrownBy(() -> SaeLensRegistry.find(name, environment))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("saelens://")
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }

  @Test
  void saysHowToHaveOne() {
    // A path has lost one of the two slashes.
    assertThatThrownBy(() -> SaeLensRegistry.find("saelens:/a/b", Map.of()))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("saelens://a/b: no SAELens is installed")
        .hasMessageContaining("install sae-lens, or let SAELENS_REGISTRY name");
  }

  /** Those of every loader that is read here, in the registry that is installed. */
  @Tag("python")
  @Test
  void findsThoseOfTheInstalledLibrary() throws IOException {
    Path python = Python.requireRivals();
    Map<String, String> installed =
        Map.of("VIRTUAL_ENV", python.getParent().getParent().toString());
    Map<String, String> known =
        Map.of(
            "gemma-scope-2b-pt-res-canonical/layer_12/width_16k/canonical",
            "google/gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_",
            "gpt2-small-res-jb/blocks.8.hook_resid_pre",
            "jbloom/GPT2-Small-SAEs-Reformatted/blocks.8.hook_resid_pre",
            "llama_scope_lxr_8x/l15r_8x",
            "/Llama3_1-8B-Base-L15R-8x");
    for (Map.Entry<String, String> name : known.entrySet()) {
      assertThat(SaeLensRegistry.find(name.getKey(), installed).orElseThrow().place())
          .contains(name.getValue());
    }
    assertThat(
            SaeLensRegistry.find("gpt2-small-mlp-tm/blocks.0.hook_mlp_out", installed)
                .orElseThrow()
                .scale())
        .isPresent();
    // The registry says of three releases that the model was centred, of others nothing.
    for (String name :
        List.of(
            "gpt2-small-mlp-tm/blocks.0.hook_mlp_out",
            "gpt2-small-res-jb/blocks.8.hook_resid_pre")) {
      assertThat(SaeLensRegistry.find(name, installed).orElseThrow().centred()).contains(true);
    }
    assertThat(
            SaeLensRegistry.find("llama_scope_lxr_8x/l15r_8x", installed).orElseThrow().centred())
        .isEmpty();
  }
}
