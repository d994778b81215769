package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.features.HeadShares;
import io.sluice.features.LogitEffects;
import io.sluice.features.Sources;
import io.sluice.features.gather.FeatureGathering;
import io.sluice.features.gather.GatherSpec;
import io.sluice.features.gather.GatheredDictionary;
import io.sluice.memory.Workers;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.testing.SmolLm;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Logit effects, head shares and source positions in SmolLM2-135M itself, from a text to the files
 * of the folder, against {@code smollm_effects_golden.py}.
 */
@Tag("model")
class SmolLmEffectsTest {
  private static final int TOP = 5;
  private static final int LAYER = 9;

  @TempDir private Path folder;

  private final Safetensors golden =
      Safetensors.open(Path.of("src/test/resources/golden/smollm-effects.safetensors"));

  SmolLmEffectsTest() throws IOException {}

  @ParameterizedTest
  @ValueSource(strings = {"attn_out", "z"})
  void agreeWithTransformers(String kind) throws IOException {
    Path file = SmolLm.require();
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    try (LoadedModel model = LoadedModel.open(file, Device.CPU)) {
      FeatureFolder features = gather(model, kind);
      int count = features.features().features();
      for (int feature = 0; feature < count; feature++) {
        requireLogits(LogitEffects.open(features).orElseThrow(), kind, feature);
        requireShares(HeadShares.open(features).orElseThrow(), kind, feature);
        List<FeatureContext> top = features.contexts().of(feature, FeatureContexts.TOP);
        assertThat(top).hasSize(TOP);
        for (FeatureContext context : top) {
          Sources.Split split =
              Sources.open(features).orElseThrow().of(feature, context.rank()).orElseThrow();
          requireSources(split, context, kind);
        }
      }
    }
  }

  private void requireLogits(LogitEffects effects, String kind, int feature) {
    assertThat(effects.promotesLogit(feature))
        .containsExactly(floats("promotes_logit." + kind, feature, 10), within(5e-3f));
    assertThat(effects.suppressesLogit(feature))
        .containsExactly(floats("suppresses_logit." + kind, feature, 10), within(5e-3f));
    assertThat(effects.promotes(feature)).containsExactly(ids("promotes." + kind, feature));
    assertThat(effects.suppresses(feature)).containsExactly(ids("suppresses." + kind, feature));
  }

  private void requireShares(HeadShares shares, String kind, int feature) {
    int heads = (int) golden.shape("shares." + kind)[1];
    assertThat(shares.of(feature))
        .containsExactly(floats("shares." + kind, feature, heads), within(2e-3f));
    double sum = shares.bias(feature);
    for (float share : shares.of(feature)) {
      sum += share;
    }
    assertThat(sum).isCloseTo(1, within(1e-4));
  }

  /** The sources are the golden ones, the largest first, and add up to the activation. */
  private void requireSources(Sources.Split split, FeatureContext context, String kind) {
    long[] shape = golden.shape("sources." + kind);
    int length = (int) shape[1];
    int heads = (int) shape[2];
    int at = (context.feature() * length + context.position()) * heads * length;
    float activation = floats("activations." + kind, context.feature(), length)[context.position()];
    assertThat(context.activation()).isCloseTo(activation, within(2e-3f * activation));
    double sum = split.rest() + split.bias();
    for (int i = 0; i < split.positions().length; i++) {
      float expected =
          Float.float16ToFloat(
              golden
                  .data("sources." + kind)
                  .getAtIndex(
                      ValueLayout.JAVA_SHORT_UNALIGNED,
                      at + split.heads()[i] * length + split.positions()[i]));
      assertThat(split.contributions()[i])
          .as("%s, head %d, position %d", kind, split.heads()[i], split.positions()[i])
          .isCloseTo(expected, within(2e-3f + 2e-3f * Math.abs(expected)));
      sum += split.contributions()[i];
    }
    assertThat(split.positions()).hasSize(Math.min(Sources.MOST, heads * (context.position() + 1)));
    assertThat(sum).isCloseTo(context.activation(), within(1e-3 * activation));
  }

  private FeatureFolder gather(LoadedModel model, String kind) throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), golden.metadata().get("text"));
    HookPoint point = HookPoint.parse("layers." + LAYER + "." + kind);
    CaptureSpec spec = CaptureSpec.of(List.of(text), List.of(point)).withContexts(64, 1);
    Capture.plan(model, spec).run(folder.resolve("store"), done -> {});
    ActivationStore store = ActivationStore.open(folder.resolve("store"));
    int[] ids =
        Arrays.stream(golden.data("input_ids").toArray(ValueLayout.JAVA_LONG))
            .mapToInt(Math::toIntExact)
            .toArray();
    assertThat(store.shards().getFirst().data("token_id").toArray(ValueLayout.JAVA_INT_UNALIGNED))
        .containsExactly(ids);
    Dictionary dictionary = dictionary(point, kind);
    Path saved = Files.createDirectories(folder.resolve("dictionary"));
    dictionary.save(saved);
    EffectsWriter effects = EffectsWriter.of(model, store, List.of(dictionary));
    GatherSpec settings = new GatherSpec(TOP, 0, new Window(4, 2), 1, Long.MAX_VALUE, 64);
    Path out = folder.resolve("features");
    try (Workers workers = Workers.of(2);
        FeatureGathering gathering =
            new FeatureGathering(
                GatheredDictionary.load(saved),
                store,
                settings,
                EngineFactory.reference(),
                workers)) {
      FeatureFolderWriter.write(
          out,
          fresh -> {
            gathering.encode(fresh.folder(), done -> {});
            return effects.write(fresh, gathering.writeTo(fresh, done -> {}), done -> {});
          });
    }
    return FeatureFolder.open(out);
  }

  /** All features that are positive stay active. */
  private Dictionary dictionary(HookPoint point, String kind) {
    int features = (int) golden.shape("encoder." + kind)[0];
    int width = (int) golden.shape("encoder." + kind)[1];
    DictionaryParameters weights =
        DictionaryParameters.allocate(Arena.ofAuto(), width, width, features);
    weights.encoder().copyFrom(golden.data("encoder." + kind));
    weights.encoderBias().copyFrom(golden.data("bias." + kind));
    weights.decoder().copyFrom(golden.data("decoder." + kind));
    String hook = point.toString();
    return new Dictionary(
        new DictionaryConfig(
            "", hook, hook, width, width, features, new TopK(features), false, false),
        weights);
  }

  private float[] floats(String name, int row, int width) {
    float[] all = golden.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    return Arrays.copyOfRange(all, row * width, (row + 1) * width);
  }

  private int[] ids(String name, int row) {
    return Arrays.stream(golden.data(name).toArray(ValueLayout.JAVA_LONG_UNALIGNED))
        .skip(row * 10L)
        .limit(10)
        .mapToInt(Math::toIntExact)
        .toArray();
  }
}
