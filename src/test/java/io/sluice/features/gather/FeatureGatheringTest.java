package io.sluice.features.gather;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureTable;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import io.sluice.testing.Python;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The pass over a store against NumPy. */
class FeatureGatheringTest {
  private static final long IN_MEMORY = 1 << 24;

  @TempDir Path temporary;
  private GoldenFeatures golden;

  @BeforeEach
  void read() throws IOException {
    golden = new GoldenFeatures();
  }

  private FeatureFolder gather(Path out, int rowsPerShard, int threads, long codeBytes)
      throws IOException {
    Path store = temporary.resolve("store-" + rowsPerShard);
    if (!Files.exists(store)) {
      golden.store(store, "tiny", rowsPerShard);
    }
    Path dictionary = temporary.resolve("dictionary");
    if (!Files.exists(dictionary)) {
      golden.dictionary(dictionary, "tiny");
    }
    ActivationStore opened =
        ActivationStore.open(store, threads == 1 ? Reading.COPIED : Reading.MAPPED);
    List<Long> progress = new ArrayList<>();
    try (Workers workers = Workers.of(threads);
        FeatureGathering gathering =
            new FeatureGathering(
                GatheredDictionary.load(dictionary),
                opened,
                GoldenFeatures.SPEC,
                EngineFactory.vector(workers),
                workers,
                codeBytes)) {
      FeatureFolderWriter.write(
          out,
          fresh -> {
            gathering.encode(fresh.folder(), progress::add);
            return gathering.writeTo(fresh, progress::add);
          });
    }
    assertThat(progress).contains(684L).endsWith(2L * GoldenFeatures.FEATURES);
    FeatureFolder folder = FeatureFolder.open(out);
    folder.verify();
    return folder;
  }

  @ParameterizedTest
  @CsvSource({"1000, 1, 16777216", "64, 2, 0"})
  void isWhatNumPyComputes(int rowsPerShard, int threads, long codeBytes) throws IOException {
    FeatureFolder folder = gather(temporary.resolve("out"), rowsPerShard, threads, codeBytes);
    assertThat(folder.manifest().tokens()).isEqualTo(684);
    assertThat(folder.manifest().deadWindow()).isEqualTo(150);
    assertThat(folder.manifest().dictionary().kind()).isEqualTo("autoencoder");
    FeatureTable features = folder.features();
    int[] counts = golden.ints("count");
    int[] histograms = golden.ints("histogram");
    int[] similar = golden.ints("similar");
    for (int feature = 0; feature < GoldenFeatures.FEATURES; feature++) {
      assertThat(features.count(feature)).isEqualTo(counts[feature]);
      assertThat(features.density(feature)).isEqualTo((float) (counts[feature] / 684.0));
      assertThat(features.mean(feature)).isEqualTo((float) golden.doubles("mean")[feature]);
      assertThat(features.max(feature)).isEqualTo((float) golden.doubles("max")[feature]);
      assertThat(features.dead(feature)).isEqualTo(golden.ints("dead")[feature] == 1);
      for (int bin = 0; bin < 32; bin++) {
        assertThat(features.histogram(feature)[bin]).isEqualTo(histograms[feature * 32 + bin]);
      }
      assertThat(features.similar(feature))
          .containsExactly(Arrays.copyOfRange(similar, feature * 5, feature * 5 + 5));
      for (int i = 0; i < 5; i++) {
        assertThat((double) features.similarCosine(feature)[i])
            .isCloseTo(golden.doubles("similar_cosine")[feature * 5 + i], within(1e-6));
      }
      requireClose(features.encoderNorm(feature), "encoder_norm", feature);
      requireClose(features.decoderNorm(feature), "decoder_norm", feature);
      requireClose(features.cosine(feature), "cosine", feature);
      requireClose(features.activeShare(feature), "active_share", feature);
      assertThat(features.siteDecoderNorm(feature)).isEmpty();
    }
    requireContexts(folder);
  }

  private void requireClose(float found, String name, int feature) {
    assertThat((double) found).isCloseTo(golden.doubles(name)[feature], within(2e-6));
  }

  private void requireContexts(FeatureFolder folder) {
    int[] features = golden.ints("context_feature");
    int[] lengths = golden.ints("context_length");
    int[] tokens = golden.ints("context_tokens");
    double[] activations = golden.doubles("context_activations");
    assertThat(folder.contexts().count()).isEqualTo(features.length);
    int at = 0;
    for (int i = 0; i < features.length; i++) {
      FeatureContext context = folder.contexts().at(i);
      assertThat(
              List.of(
                  (long) context.feature(),
                  (long) context.kind(),
                  (long) context.rank(),
                  context.row(),
                  (long) context.document(),
                  (long) context.position(),
                  (long) context.first()))
          .isEqualTo(
              Stream.of("feature", "kind", "rank", "row", "document", "position", "first")
                  .map(row("context_", i))
                  .toList());
      assertThat(context.activation()).isEqualTo((float) golden.doubles("context_activation")[i]);
      assertThat(context.tokens()).containsExactly(Arrays.copyOfRange(tokens, at, at + lengths[i]));
      for (int j = 0; j < lengths[i]; j++) {
        assertThat(context.activations()[j]).isEqualTo((float) activations[at + j]);
      }
      at += lengths[i];
    }
    assertThat(folder.contexts().of(7)).isEmpty();
  }

  private java.util.function.Function<String, Long> row(String prefix, int i) {
    return name -> (long) golden.ints(prefix + name)[i];
  }

  @Test
  void filesAreTheSameForAnyNumberOfThreadsAndAnyMemory() throws IOException {
    FeatureFolder one = gather(temporary.resolve("one"), 1000, 1, IN_MEMORY);
    FeatureFolder three = gather(temporary.resolve("three"), 1000, 3, IN_MEMORY);
    FeatureFolder spilled = gather(temporary.resolve("spilled"), 1000, 2, 0);
    assertThat(three.manifest().files()).isEqualTo(one.manifest().files());
    assertThat(spilled.manifest().files()).isEqualTo(one.manifest().files());
    try (Stream<Path> files = Files.list(spilled.path())) {
      assertThat(files.map(file -> file.getFileName().toString())).doesNotContain("codes.tmp");
    }
  }

  @Test
  void whatDoesNotFitIsRefusedInOneLine() throws IOException {
    Path dictionary = golden.dictionary(temporary.resolve("dictionary"), "tiny");
    Path other = golden.store(temporary.resolve("other"), "large", 1000);
    assertThatThrownBy(() -> open(dictionary, other))
        .isInstanceOf(IOException.class)
        .hasMessage(
            other
                + ": is of the model 'large', but the dictionary was trained on 'tiny'; capture a"
                + " text with that model");
    Path mute = golden.storeWithoutTexts(temporary.resolve("mute"));
    assertThatThrownBy(() -> open(dictionary, mute))
        .isInstanceOf(IOException.class)
        .hasMessage(
            mute
                + ": has no texts of its tokens (.tokens.ipc), so contexts could not be read;"
                + " capture the text again, or write that file");
    Path weights = dictionary.resolve("dictionary.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 7] ^= 1;
    Files.write(weights, bytes);
    Path store = golden.store(temporary.resolve("store"), "tiny", 1000);
    assertThatThrownBy(() -> open(dictionary, store))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("dictionary.safetensors")
        .hasMessageNotContaining("\n");
  }

  private static void open(Path dictionary, Path store) throws IOException {
    Workers workers = Workers.allCores();
    new FeatureGathering(
            GatheredDictionary.load(dictionary),
            ActivationStore.open(store),
            GoldenFeatures.SPEC,
            EngineFactory.vector(workers),
            workers)
        .close();
  }

  @Tag("python")
  @Test
  void pyarrowReadsTheFolder() throws IOException {
    Python.require();
    FeatureFolder folder = gather(temporary.resolve("out"), 200, 2, IN_MEMORY);
    JsonNode seen = new ObjectMapper().readTree(Python.run("check_features.py", folder.path()));
    assertThat(new ObjectMapper().convertValue(seen.get("count"), int[].class))
        .containsExactly(golden.ints("count"));
    for (int feature = 0; feature < GoldenFeatures.FEATURES; feature++) {
      assertThat(seen.get("dead").get(feature).asBoolean())
          .isEqualTo(folder.features().dead(feature));
      assertThat(seen.get("active_share").get(feature).floatValue())
          .isEqualTo(folder.features().activeShare(feature));
      assertThat(seen.get("similar").get(feature).get(4).asInt())
          .isEqualTo(folder.features().similar(feature)[4]);
    }
    FeatureContext first = folder.contexts().at(0);
    StringBuilder text = new StringBuilder();
    for (int token : first.tokens()) {
      text.append(" word").append(token);
    }
    assertThat(seen.get("texts").get(0).asText()).isEqualTo(text.toString());
    assertThat(seen.get("documents").get(3).asText()).isEqualTo("chapter at 400");
  }
}
