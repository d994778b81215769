package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Which settings of the model that a dictionary of SAELens read count. That centred activations are
 * encoded as SAELens encodes those of TransformerLens's centred model is in {@link
 * DictionaryFormatTest}; which hook points each setting changes there, {@code
 * foreign_dictionaries.py} checks.
 */
class ModelProcessingTest {
  private static final String CENTRED = "\"center_writing_weights\": true";
  private static final String HOOK = "blocks.1.hook_resid_pre";
  private static final TokenNorm NORM = new TokenNorm(TokenNorm.Kind.CENTRED, true);

  @TempDir private Path temp;

  @Test
  void whatBlocksWriteIsCentred() throws IOException {
    for (String hook :
        List.of("hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out")) {
      assertThat(config(HOOK, "blocks.1." + hook).tokenNorm()).as(hook).contains(NORM);
    }
    for (String hook : List.of("attn.hook_z", "attn.hook_q", "mlp.hook_post", "mlp.hook_in")) {
      assertThat(config(HOOK, "blocks.1." + hook).tokenNorm()).as(hook).isEmpty();
    }
    assertThat(config(HOOK, "blocks.1.ln2.hook_normalized").tokenNorm()).isEmpty();
    assertThat(config(CENTRED, "\"center_writing_weights\": false").tokenNorm()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2, true",
    "openai-community/gpt2-xl, true",
    "EleutherAI/pythia-70m-deduped, true",
    "gpt-neo-125M, true",
    "tiny-stories-33M, true",
    "google/gemma-2-2b, false",
    "meta-llama/Llama-3.1-8B, false",
    "mistral-7b, false",
    "Qwen/Qwen2.5-0.5B, false",
  })
  void onlyInModelsWithLayerNorm(String model, boolean centred) throws IOException {
    assertThat(config("gpt2-small", model).isCentred()).isEqualTo(centred);
    Origin named =
        new Origin(Optional.of(model), Optional.empty(), Optional.empty(), OptionalDouble.empty());
    assertThat(read(named, "gpt2-small", "someone/theirs").isCentred()).isEqualTo(centred);
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2-small, someone/theirs, which of them 'someone/theirs' is",
    "blocks.1.hook_resid_pre, blocks.1.hook_odd, whether that changes 'blocks.1.hook_odd'",
    "'center_writing_weights\": true', 'checkpoint_value\": 3000', has 'checkpoint_value'",
    "'center_writing_weights\": true', 'revision\": \"step3000\"', has 'revision'",
    "'center_writing_weights\": true', 'center_writing_weights\": 1', neither true nor false",
    "'normalize_activations\": \"none', 'normalize_activations\": \"constant_norm_rescale', which is not read together",
  })
  void refusesByNameWhatItDoesNotKnow(String from, String to, String expected) {
    assertThatThrownBy(() -> config(from, to))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(temp.toString())
        .hasMessageContaining(expected)
        .hasMessageNotContaining("\n");
  }

  @ParameterizedTest
  @CsvSource({
    "fold_ln, mlp.hook_in, hook_resid_pre",
    "fold_value_biases, attn.hook_z, hook_attn_out",
    "fold_value_biases, attn.hook_v, mlp.hook_post",
    "refactor_factored_attn_matrices, attn.hook_q, hook_resid_post",
  })
  void refusesWhatChangesTheHookPoint(String setting, String changed, String same)
      throws IOException {
    String on = "\"" + setting + "\": true, \"dtype\": \"bfloat16\", \"n_ctx\": 64";
    assertThat(config(CENTRED, on, HOOK, "blocks.0." + same).tokenNorm()).isEmpty();
    assertThatThrownBy(() -> config(CENTRED, on, HOOK, "blocks.0." + changed))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(setting + " is true in 'model_from_pretrained_kwargs'")
        .hasMessageContaining("which changes layers.0.");
    String off = "\"" + setting + "\": false, \"center_unembed\": true";
    assertThat(config(CENTRED, off, HOOK, "blocks.0." + changed).tokenNorm()).isEmpty();
  }

  @Test
  void theRegistryCountsMoreThanTheFiles() throws IOException {
    assertThat(read(said(false), CENTRED, CENTRED).isCentred()).isFalse();
    assertThat(read(said(true), CENTRED, "\"fold_ln\": false").isCentred()).isTrue();
    assertThat(read(said(true), HOOK, "blocks.1.attn.hook_z").isCentred()).isFalse();
  }

  /** The files of the first repositories have no such setting. */
  @Test
  void repositoriesOfWhichTheRegistrySaysItAreKnownByName() throws IOException {
    Path golden = DictionaryFormatTest.goldenFolder("saelens-2024-spring");
    for (String repository :
        List.of(
            "jbloom/GPT2-Small-SAEs-Reformatted",
            "models--jbloom--GPT2-Small-SAEs-Reformatted/snapshots/0a1b",
            "models--tommmcgrath--gpt2-small-mlp-out-saes/snapshots/0a1b")) {
      Path folder = Files.createDirectories(temp.resolve(repository).resolve("blocks.8"));
      copyInto(golden, folder);
      assertThat(DictionaryFormat.SAELENS.read(folder, Origin.UNKNOWN).config().tokenNorm())
          .as(repository)
          .contains(NORM);
      assertThat(DictionaryFormat.SAELENS.read(folder, said(false)).config().isCentred()).isFalse();
      Path config = folder.resolve("cfg.json");
      String text = Files.readString(config);
      Files.writeString(
          config,
          "{\"model_from_pretrained_kwargs\": {\"center_writing_weights\": false}, "
              + text.substring(1));
      assertThat(DictionaryFormat.SAELENS.read(folder, Origin.UNKNOWN).config().isCentred())
          .isFalse();
    }
  }

  @Test
  void configsBeforeVersionSixHaveItAtTheTop() throws IOException {
    Path old = copy("saelens-2024-spring");
    Path config = old.resolve("cfg.json");
    String text = Files.readString(config);
    assertThat(DictionaryFormat.SAELENS.read(old, Origin.UNKNOWN).config().isCentred()).isFalse();
    Files.writeString(
        config, "{\"model_from_pretrained_kwargs\": {" + CENTRED + "}, " + text.substring(1));
    assertThat(DictionaryFormat.SAELENS.read(old, Origin.UNKNOWN).config().isCentred()).isTrue();
  }

  @Test
  void aTranscoderOfCentredActivationsIsRefused() throws IOException {
    Path folder = copy("saelens-transcoder");
    Path config = folder.resolve("cfg.json");
    String text = Files.readString(config).replace("\"tiny\"", "\"gpt2\"");
    String model = "\"model_name\": \"gpt2\"";
    assertThat(text).contains(model);
    String more =
        ", \"hook_name_out\": \"blocks.0.hook_mlp_out\", \"model_from_pretrained_kwargs\": {"
            + CENTRED
            + "}";
    Files.writeString(config, text.replace(model, model + more));
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.read(folder, Origin.UNKNOWN))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("a transcoder that reads or writes centred activations is not read");
  }

  /** The registry has releases with both. */
  @Test
  void aScaleIsOfTheCentredToken() throws IOException {
    Path golden = DictionaryFormatTest.goldenFolder("saelens-centred-norm");
    Origin scaled = Origin.UNKNOWN.scaled(1.7);
    Dictionary centred = DictionaryFormat.SAELENS.read(golden, scaled);
    assertThat(centred.config().tokenNorm()).contains(NORM);
    ForeignRun found = ForeignRun.of(centred, golden, EngineFactory.reference());
    // The same dictionary without its norm, on tokens that are centred here.
    Dictionary plain =
        DictionaryFormat.SAELENS.read(
            golden,
            new Origin(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalDouble.of(1.7),
                Optional.of(false)));
    Path tokens = copy("saelens-centred-norm");
    Safetensors file = Safetensors.open(golden.resolve("expected.safetensors"));
    float[] x = file.data("x").toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    float[] means = new float[x.length / 6];
    for (int row = 0; row < means.length; row++) {
      for (int i = 0; i < 6; i++) {
        means[row] += x[row * 6 + i] / 6;
      }
      for (int i = 0; i < 6; i++) {
        x[row * 6 + i] -= means[row];
      }
    }
    Safetensors.write(
        tokens.resolve("expected.safetensors"),
        List.of(TensorData.of("x", x, means.length, 6)),
        Map.of());
    ForeignRun expected = ForeignRun.of(plain, tokens, EngineFactory.reference());
    for (int i = 0; i < found.codes().length; i++) {
      assertThat(found.codes()[i]).isCloseTo(expected.codes()[i], within(1e-5f));
    }
    for (int i = 0; i < x.length; i++) {
      assertThat(found.reconstruction()[i])
          .isCloseTo(expected.reconstruction()[i] + means[i / 6], within(1e-5f));
    }
  }

  @Test
  void isWrittenOnlyWhereSaeLensWouldCentre() throws IOException {
    Dictionary dictionary =
        DictionaryFormat.SAELENS.read(
            DictionaryFormatTest.goldenFolder("saelens-centred-norm"), Origin.UNKNOWN);
    for (String[] place :
        new String[][] {{"gpt2", "layers.0.z"}, {"google/gemma-2-2b", "layers.0.resid"}}) {
      DictionaryConfig moved = dictionary.config().named(place[0], place[1], place[1]);
      Dictionary named = new Dictionary(moved, dictionary.parameters());
      assertThatThrownBy(() -> DictionaryFormat.SAELENS.write(named, temp.resolve("out")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("SAELens has no centred activations but those that blocks");
    }
  }

  private static Origin said(boolean centred) {
    return new Origin(
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        OptionalDouble.empty(),
        Optional.of(centred));
  }

  private DictionaryConfig config(String... replaced) throws IOException {
    return read(Origin.UNKNOWN, replaced);
  }

  /** What is read of a centred dictionary in whose config texts were replaced by others. */
  private DictionaryConfig read(Origin origin, String... replaced) throws IOException {
    Path copy = copy("saelens-centred-norm");
    String text = Files.readString(copy.resolve("cfg.json"));
    for (int i = 0; i < replaced.length; i += 2) {
      assertThat(text).contains(replaced[i]);
      text = text.replace(replaced[i], replaced[i + 1]);
    }
    Files.writeString(copy.resolve("cfg.json"), text);
    return DictionaryFormat.SAELENS.read(copy, origin).config();
  }

  private Path copy(String name) throws IOException {
    Path copy = Files.createTempDirectory(temp, name);
    copyInto(DictionaryFormatTest.goldenFolder(name), copy);
    return copy;
  }

  private static void copyInto(Path golden, Path copy) throws IOException {
    try (Stream<Path> files = Files.list(golden)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
  }
}
