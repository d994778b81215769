package io.sluice.features.gather;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.features.FeatureTable;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Features of transcoders, crosscoders and cross-layer transcoders, by what applies to them. */
class GatheredKindsTest {
  private static final int ROWS = 300;
  private static final Site FIRST = new Site("layers.0.mlp_in", 6);
  private static final Site SECOND = new Site("layers.0.mlp_out", 5);
  private static final Site THIRD = new Site("layers.1.mlp_out", 4);
  private static final GatherSpec SPEC =
      new GatherSpec(4, 6, new Window(2, 2), 0, Long.MAX_VALUE, 64);

  @TempDir Path folder;
  private final Random random = new Random(3);
  private final float[][] columns = new float[3][];

  @BeforeEach
  void writeStore() throws IOException {
    List<Site> sites = List.of(FIRST, SECOND, THIRD);
    StoreSpec spec =
        StoreSpec.of(
            "tiny",
            "novel.txt",
            sites.stream().map(site -> new Column(site.hook(), site.width(), DType.F32)).toList());
    int[] tokens = new int[ROWS];
    int[] positions = new int[ROWS];
    int[] documents = new int[ROWS];
    for (int row = 0; row < ROWS; row++) {
      tokens[row] = row % 9;
      positions[row] = row % 100;
      documents[row] = 7 + row / 100; // Numbers without names.
    }
    MemorySegment[] blocks = new MemorySegment[3];
    for (int i = 0; i < 3; i++) {
      columns[i] = drawn(ROWS * sites.get(i).width());
      blocks[i] = segment(columns[i]);
    }
    try (StoreWriter writer = StoreWriter.create(folder.resolve("store"), spec)) {
      writer.tokens(TokenTable.of(List.of("a", "b", "c", "d", "e", "f", "g", "h", "i")));
      writer.append(tokens, positions, documents, DType.F32, blocks);
      writer.finish();
    }
  }

  private float[] drawn(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static MemorySegment segment(float[] values) {
    return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }

  private Dictionary dictionary(
      List<Site> reads, List<Site> writes, int features, ActivationFunction activation) {
    int in = Site.widths(reads);
    int out = Site.widths(writes);
    DictionaryConfig config =
        new DictionaryConfig(
            "tiny",
            Site.names(reads),
            Site.names(writes),
            in,
            out,
            features,
            activation,
            false,
            false);
    return new Dictionary(
        writes.size() > 1 ? config.withSites(writes) : config,
        new DictionaryParameters(
            in,
            out,
            features,
            segment(drawn(features * in)),
            segment(new float[features]),
            segment(drawn(features * out)),
            segment(new float[out])));
  }

  private Path saved(Dictionary dictionary) throws IOException {
    Path path = Files.createDirectories(folder.resolve("dictionary"));
    dictionary.save(path);
    return path;
  }

  private FeatureFolder gather(Path dictionary) throws IOException {
    Path out = folder.resolve("features");
    try (Workers workers = Workers.of(2);
        FeatureGathering gathering =
            new FeatureGathering(
                GatheredDictionary.load(dictionary),
                ActivationStore.open(folder.resolve("store")),
                SPEC,
                EngineFactory.reference(),
                workers)) {
      FeatureFolderWriter.write(
          out,
          fresh -> {
            gathering.encode(fresh.folder(), done -> {});
            return gathering.writeTo(fresh, done -> {});
          });
    }
    FeatureFolder features = FeatureFolder.open(out);
    assertThat(features.documents().name(1)).isEqualTo("document 8");
    return features;
  }

  /** The pre-activation of a feature on a row. */
  private double product(float[] x, Dictionary dictionary, int feature, int row) {
    int width = dictionary.config().inputWidth();
    double sum = 0;
    for (int i = 0; i < width; i++) {
      sum +=
          x[row * width + i]
              * dictionary
                  .parameters()
                  .encoder()
                  .getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) feature * width + i);
    }
    return sum;
  }

  private static double norm(MemorySegment rows, int row, int width, int from, int to) {
    double square = 0;
    for (int i = from; i < to; i++) {
      double value = rows.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) row * width + i);
      square += value * value;
    }
    return Math.sqrt(square);
  }

  @Test
  void aTranscoderHasNoCosineAndFiresAboveItsThresholds() throws IOException {
    float[] thresholds = new float[20];
    Arrays.fill(thresholds, 1.5f);
    Dictionary transcoder =
        dictionary(List.of(FIRST), List.of(SECOND), 20, new JumpReLU(Thresholds.of(thresholds)));
    FeatureFolder read = gather(saved(transcoder));
    assertThat(read.manifest().dictionary().kind()).isEqualTo("transcoder");
    assertThat(read.manifest().dictionary().writes()).containsExactly("layers.0.mlp_out");
    FeatureTable table = read.features();
    for (int feature = 0; feature < 20; feature++) {
      int count = 0;
      double max = 0;
      for (int row = 0; row < ROWS; row++) {
        double value = product(columns[0], transcoder, feature, row);
        count += value > 1.5 ? 1 : 0;
        max = Math.max(max, value);
      }
      assertThat(table.count(feature)).isEqualTo(count);
      assertThat((double) table.max(feature)).isCloseTo(max, within(1e-5));
      assertThat(table.cosine(feature)).isNaN();
      assertThat(table.activeShare(feature)).isBetween(0f, 1.0001f);
    }
  }

  @Test
  void aCrosscoderHasANormAtEachHookPoint() throws IOException {
    Dictionary crosscoder =
        dictionary(List.of(FIRST, SECOND), List.of(FIRST, SECOND), 12, new TopK(3));
    FeatureFolder read = gather(saved(crosscoder));
    assertThat(read.manifest().dictionary().kind()).isEqualTo("crosscoder");
    for (int feature = 0; feature < 12; feature++) {
      MemorySegment decoder = crosscoder.parameters().decoder();
      float[] norms = read.features().siteDecoderNorm(feature);
      assertThat(norms).hasSize(2);
      assertThat((double) norms[0]).isCloseTo(norm(decoder, feature, 11, 0, 6), within(1e-5));
      assertThat((double) norms[1]).isCloseTo(norm(decoder, feature, 11, 6, 11), within(1e-5));
      assertThat((double) read.features().decoderNorm(feature))
          .isCloseTo(norm(decoder, feature, 11, 0, 11), within(1e-5));
      assertThat(read.features().cosine(feature)).isNotNaN();
      assertThat(read.features().activeShare(feature)).isNaN();
    }
  }

  @Test
  void featuresOfACrossLayerTranscoderAreNumberedLayerAfterLayer() throws IOException {
    CrossLayerDictionary joint =
        new CrossLayerDictionary(
            List.of(
                dictionary(List.of(FIRST), List.of(SECOND, THIRD), 9, new TopK(2)),
                dictionary(List.of(SECOND), List.of(THIRD), 8, new TopK(2))));
    Path path = Files.createDirectories(folder.resolve("joint"));
    joint.save(path);
    FeatureFolder read = gather(path);
    assertThat(read.manifest().dictionary().kind()).isEqualTo("cross-layer");
    assertThat(read.features().features()).isEqualTo(17);
    long codes = 0;
    for (int feature = 0; feature < 17; feature++) {
      codes += read.features().count(feature);
      float[] norms = read.features().siteDecoderNorm(feature);
      boolean second = feature >= 9;
      assertThat(norms[0] == 0).isEqualTo(second);
      MemorySegment decoder = joint.layers().get(second ? 1 : 0).parameters().decoder();
      assertThat((double) norms[1])
          .isCloseTo(
              second ? norm(decoder, feature - 9, 4, 0, 4) : norm(decoder, feature, 9, 5, 9),
              within(1e-5));
      for (int similar : read.features().similar(feature)) {
        assertThat(similar == -1 || similar >= 9 == second).isTrue();
      }
    }
    assertThat(codes).isBetween(2L * 2 * ROWS * 9 / 10, 2L * 2 * ROWS);
  }

  /** By absolute value: the order of contexts, the maximum, the histogram. */
  @Test
  void activationsMayBeNegative() throws IOException {
    Dictionary signed = dictionary(List.of(FIRST), List.of(FIRST), 10, new AbsTopK(3));
    FeatureFolder read = gather(saved(signed));
    int negative = 0;
    for (int feature = 0; feature < 10; feature++) {
      float before = Float.MAX_VALUE;
      for (FeatureContext context : read.contexts().of(feature)) {
        assertThat((double) context.activation())
            .isCloseTo(product(columns[0], signed, feature, (int) context.row()), within(1e-5));
        assertThat(Math.abs(context.activation())).isLessThanOrEqualTo(before);
        before = Math.abs(context.activation());
        negative += context.activation() < 0 ? 1 : 0;
      }
      assertThat(read.features().max(feature))
          .isEqualTo(Math.abs(read.contexts().of(feature).getFirst().activation()));
    }
    assertThat(negative).isPositive();
  }

  @Test
  void aStoreWithoutTheHookPointOrOfAnotherWidthIsRefused() throws IOException {
    Dictionary wide =
        dictionary(List.of(new Site(FIRST.hook(), 7)), List.of(FIRST), 9, new TopK(2));
    assertThatThrownBy(() -> gather(saved(wide)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            folder.resolve("store")
                + ": 'layers.0.mlp_in' is 6 wide, but the dictionary reads a width of 7");
    Dictionary elsewhere =
        dictionary(List.of(new Site("layers.5.z", 6)), List.of(FIRST), 9, new TopK(2));
    assertThatThrownBy(() -> gather(saved(elsewhere)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("has no hook point 'layers.5.z'; it has layers.0.mlp_in");
  }
}
