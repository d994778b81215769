package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.features.Feature;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureReader;
import io.sluice.features.FeatureTable;
import io.sluice.features.HeadShares;
import io.sluice.features.Sources;
import io.sluice.model.Demo;
import io.sluice.model.TinyModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EffectsWriterTest {
  private static final Site ATTN = new Site("layers.1.attn_out", 24);
  private static final Site MLP = new Site("layers.1.mlp_out", 24);
  private static final Site READ = new Site("layers.1.attn_in", 24);

  @TempDir private Path folder;

  @Test
  void sourcesRestAndBiasAddUpToTheActivation() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      FeatureFolder features = written(model, ATTN, List.of(ATTN));
      assertThat(features.manifest().heads()).isEqualTo(4);
      assertThat(features.manifest().model()).contains("tiny-llama");
      Sources sources = Sources.open(features).orElseThrow();
      HeadShares heads = HeadShares.open(features).orElseThrow();
      int contexts = 0;
      for (int feature = 0; feature < features.features().features(); feature++) {
        double[] byHead = new double[4];
        double biases = 0;
        double all = 0;
        List<FeatureContext> top = features.contexts().of(feature, FeatureContexts.TOP);
        for (FeatureContext context : top) {
          Sources.Split split = sources.of(feature, context.rank()).orElseThrow();
          double sum = split.rest() + split.bias();
          for (int i = 0; i < split.contributions().length; i++) {
            sum += split.contributions()[i];
            byHead[split.heads()[i]] += split.contributions()[i];
            assertThat(split.positions()[i]).isLessThanOrEqualTo(context.position());
          }
          assertThat(sum).isCloseTo(context.activation(), within(1e-3));
          biases += split.bias();
          all += context.activation();
          contexts++;
        }
        // Contexts of ten tokens have at most 40 sources, so all of them are listed.
        float[] shares = heads.of(feature);
        double total = heads.bias(feature);
        for (int head = 0; head < 4; head++) {
          total += shares[head];
          if (all > 0) {
            assertThat((double) shares[head]).isCloseTo(byHead[head] / all, within(1e-2));
          }
        }
        assertThat(total).isCloseTo(top.isEmpty() ? 0 : 1, within(1e-4));
      }
      assertThat(contexts).isGreaterThan(10);
    }
  }

  @Test
  void aFeatureIsReadWithItsEffects() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      FeatureFolder features = written(model, ATTN, List.of(ATTN));
      Feature feature = new FeatureReader(features).read(TinyFolder.firing(features));
      assertThat(feature.promotes()).hasSize(10);
      assertThat(feature.promotes().getFirst().logit())
          .isGreaterThan(feature.suppresses().getFirst().logit());
      assertThat(feature.promotes().getFirst().text())
          .isEqualTo(TinyFolder.word(feature.promotes().getFirst().id()));
      assertThat(feature.heads()).hasSize(4);
      Feature.Context context = feature.top().getFirst();
      assertThat(context.sources()).isNotEmpty();
      assertThat(context.document()).startsWith("text-");
      assertThat(feature.similar()).hasSize(FeatureTable.SIMILAR);
    }
  }

  @Test
  void ofATranscoderPromotedTokensAlone() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      FeatureFolder features = written(model, READ, List.of(MLP));
      assertThat(features.manifest().heads()).isZero();
      Feature feature = new FeatureReader(features).read(TinyFolder.firing(features));
      assertThat(feature.promotes()).hasSize(10);
      assertThat(feature.heads()).isEmpty();
      assertThat(feature.top().getFirst().sources()).isEmpty();
    }
  }

  @Test
  void ofAnEncoderHeadsAndSourcesAlone() throws IOException {
    try (LoadedModel model = Demo.tiny()) {
      FeatureFolder features = written(model, ATTN, List.of(ATTN));
      Feature feature = new FeatureReader(features).read(TinyFolder.firing(features));
      assertThat(feature.promotes()).isEmpty();
      assertThat(feature.heads()).isNotEmpty();
      // Encoders also attend to what comes after.
      assertThat(feature.top().getFirst().sources())
          .anySatisfy(
              source ->
                  assertThat(source.position()).isGreaterThan(feature.top().getFirst().position()));
    }
  }

  @Test
  void anotherModelIsRefused() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open();
        LoadedModel other = TinyModel.NEOX.open()) {
      ActivationStore store = TinyFeatures.capture(model, folder, ATTN.hook(), false);
      Dictionary dictionary = TinyFeatures.dictionary(20, ATTN, List.of(ATTN), 6);
      EffectsWriter effects = EffectsWriter.of(other, store, List.of(dictionary));
      assertThatThrownBy(
              () -> TinyFolder.write(folder.resolve("features"), store, dictionary, effects))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("computes other activations than the store has")
          .hasMessageContaining("give the model that was captured");
    }
  }

  @Test
  void whereNothingAppliesTheReasonIsSaid() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      ActivationStore store = TinyFeatures.capture(model, folder, "layers.1.attn_in", false);
      Dictionary dictionary = TinyFeatures.dictionary(4, READ, List.of(READ), 6);
      assertThatThrownBy(() -> EffectsWriter.of(model, store, List.of(dictionary)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("leave --model out")
          .hasMessageContaining("layers.1.attn_in");
    }
  }

  private FeatureFolder written(LoadedModel model, Site reads, List<Site> writes)
      throws IOException {
    ActivationStore store = TinyFeatures.capture(model, folder, reads.hook(), false);
    Dictionary dictionary = TinyFeatures.dictionary(20, reads, writes, 6);
    EffectsWriter effects = EffectsWriter.of(model, store, List.of(dictionary));
    FeatureFolder features =
        TinyFolder.write(folder.resolve("features"), store, dictionary, effects);
    assertThat(features.has("logits.arrow") || features.has("heads.arrow")).isTrue();
    features.verify();
    return features;
  }
}
