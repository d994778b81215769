package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.model.TinyModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Shard;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SourcePassTest {
  @TempDir private Path folder;

  /** The pre-activation comes from the store's own row, so the model's contexts are right, too. */
  @ParameterizedTest
  @CsvSource({
    "LLAMA, attn_out, false",
    "LLAMA, z, true",
    "GPT2, attn_out, false",
    "NEOX, z, false",
    "GEMMA2, attn_out, true",
    "QWEN3, attn_out, false"
  })
  void sourcesSumToWhatTheStoredRowGives(TinyModel tiny, String kind, boolean specialTokens)
      throws IOException {
    try (LoadedModel model = tiny.open()) {
      String hook = "layers.1." + kind;
      ActivationStore store = TinyFeatures.capture(model, folder, hook, specialTokens);
      Site site = new Site(hook, store.column(hook).width());
      Dictionary dictionary = TinyFeatures.dictionary(12, site, List.of(site), 5);
      SourcePass pass = new SourcePass(model, store, dictionary);
      Random random = new Random(11);
      int[] features = random.ints(90, 0, 12).toArray();
      long[] rows = random.longs(90, 0, store.rows()).toArray();
      SourceBlock block = pass.of(features, rows, done -> {});
      for (int e = 0; e < features.length; e++) {
        double expected = preActivation(dictionary, store, hook, features[e], rows[e]);
        double listed = block.bias(e) + block.rest(e);
        for (int i = 0; i < block.count(e); i++) {
          listed += block.contribution(e, i);
          assertThat(block.offset(e, i)).isNotPositive();
          assertThat(block.head(e, i)).isBetween(0, pass.heads() - 1);
        }
        assertThat(listed).as("entry %d", e).isCloseTo(expected, within(1e-3));
        assertThat(block.activation(e)).isCloseTo((float) expected, within(1e-3f));
      }
    }
  }

  @Test
  void aPositionIsThatOfTheTokenOnWhichTheFeatureFires() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String hook = "layers.0.attn_out";
      ActivationStore store = TinyFeatures.capture(model, folder, hook, false);
      Site site = new Site(hook, store.column(hook).width());
      SourcePass pass =
          new SourcePass(model, store, TinyFeatures.dictionary(1, site, List.of(site), 5));
      // The first stored token of a context sees itself and the special token before it.
      SourceBlock block = pass.of(new int[] {0}, new long[] {0}, done -> {});
      int[] offsets =
          IntStream.range(0, block.count(0))
              .map(i -> block.offset(0, i))
              .distinct()
              .sorted()
              .toArray();
      assertThat(offsets).containsExactly(-1, 0);
      assertThat(block.count(0)).isEqualTo(8);
    }
  }

  @Test
  void theLargestAreKeptAndTheirOrderIsThatOfTheirSize() {
    Random random = new Random(3);
    float[] values = new float[500];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(40) - 20;
    }
    LargestContributions largest = new LargestContributions(64);
    double rest = largest.find(values, 100, 400);
    float[] kept = largest.values();
    Integer[] order = new Integer[300];
    Arrays.setAll(order, i -> i);
    Arrays.sort(
        order, (a, b) -> Float.compare(Math.abs(values[100 + b]), Math.abs(values[100 + a])));
    double all = 0;
    double listed = 0;
    for (int i = 100; i < 400; i++) {
      all += values[i];
    }
    for (int i = 0; i < 64; i++) {
      assertThat(largest.index(i)).isEqualTo(order[i]);
      assertThat(kept[i]).isEqualTo(values[100 + order[i]]);
      listed += kept[i];
    }
    assertThat(listed + rest).isCloseTo(all, within(1e-6));
  }

  @Test
  void whatIsNoSumOverHeadsIsRefusedByName() throws IOException {
    Site resid = new Site("layers.1.resid", 24);
    Site out = new Site("layers.1.attn_out", 24);
    assertThat(SourcePass.refusal(TinyFeatures.dictionary(4, resid, List.of(resid), 1).config()))
        .contains("layers.1.resid");
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      ActivationStore store = TinyFeatures.capture(model, folder, "layers.1.*", false);
      Dictionary narrow =
          TinyFeatures.dictionary(
              4, new Site("layers.1.attn_out", 20), List.of(new Site("layers.1.attn_out", 20)), 1);
      assertThatThrownBy(() -> new SourcePass(model, store, narrow))
          .hasMessageContaining("24 wide")
          .hasMessageContaining("20 values");
      assertThat(
              new SourcePass(model, store, TinyFeatures.dictionary(4, out, List.of(out), 1))
                  .heads())
          .isEqualTo(4);
    }
    try (LoadedModel gpt = TinyModel.GPT2.open()) {
      // A store with a special token before each context, and a model that has none.
      ActivationStore store = ActivationStore.open(folder.resolve("store"));
      assertThatThrownBy(
              () -> new SourcePass(gpt, store, TinyFeatures.dictionary(4, out, List.of(out), 1)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("begins a context at position 1");
    }
  }

  private static double preActivation(
      Dictionary dictionary, ActivationStore store, String hook, int feature, long row) {
    DictionaryParameters weights = dictionary.parameters();
    int width = weights.inputWidth();
    double sum = weights.encoderBias().getAtIndex(DictionaryParameters.FLOAT, feature);
    for (Shard shard : store.shards()) {
      if (row >= shard.firstRow() && row < shard.firstRow() + shard.rows()) {
        MemorySegment data = shard.data(hook);
        for (int i = 0; i < width; i++) {
          float x =
              data.get(
                  ValueLayout.JAVA_FLOAT_UNALIGNED,
                  ((row - shard.firstRow()) * width + i) * Float.BYTES);
          float shift =
              dictionary.config().subtractDecoderBias()
                  ? weights.decoderBias().getAtIndex(DictionaryParameters.FLOAT, i)
                  : 0;
          sum +=
              (double)
                      weights
                          .encoder()
                          .getAtIndex(DictionaryParameters.FLOAT, (long) feature * width + i)
                  * (x - shift);
        }
      }
    }
    return sum;
  }
}
