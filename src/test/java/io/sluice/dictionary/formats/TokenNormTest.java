package io.sluice.dictionary.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SparseEncoder;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.TokenNormalisation;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Dictionaries that normalise each token by itself. That engines compute what SAELens computes, and
 * SAELens what is written for it, is in {@link DictionaryFormatTest}.
 */
class TokenNormTest {
  private static final TokenNorm LAYER_NORM = new TokenNorm(TokenNorm.Kind.LAYER_NORM, true);
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @TempDir private Path folder;

  static List<Path> golden() {
    return ForeignRun.goldenFolders().stream()
        .filter(path -> path.getFileName().toString().contains("-norm"))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("golden")
  void sparseEncodersFindTheCodesOfSaeLens(Path golden) throws IOException {
    Dictionary dictionary = DictionaryFormat.SAELENS.read(golden, Origin.UNKNOWN);
    assertThat(dictionary.config().tokenNorm()).isPresent();
    float[] x = Safetensors.open(golden.resolve("expected.safetensors")).data("x").toArray(FLOAT);
    float[] expected = ForeignRun.expected(golden).codes();
    int width = dictionary.config().inputWidth();
    int rows = x.length / width;
    SparseEncoder encoder = SparseEncoder.of(dictionary, SparseEncoder.Weights.FLOAT32);
    int[] features = new int[rows * encoder.k()];
    float[] values = new float[rows * encoder.k()];
    int[] counts = new int[rows];
    for (boolean together : new boolean[] {true, false}) {
      if (together) {
        encoder.encode(x, features, values, counts);
      }
      float[] found = new float[expected.length];
      for (int row = 0; row < rows; row++) {
        int first = together ? row * encoder.k() : 0;
        if (!together) {
          float[] token = Arrays.copyOfRange(x, row * width, (row + 1) * width);
          counts[row] = encoder.encode(token, features, values);
        }
        for (int i = first; i < first + counts[row]; i++) {
          found[row * encoder.features() + features[i]] = values[i];
        }
      }
      for (int i = 0; i < found.length; i++) {
        assertThat(found[i]).as("code %d", i).isCloseTo(expected[i], within(1e-5f * 6));
      }
    }
  }

  @Tag("cuda")
  @ParameterizedTest
  @MethodSource("golden")
  void enginesOfLibTorchComputeWhatSaeLensComputes(Path golden) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Dictionary dictionary = DictionaryFormat.SAELENS.read(golden, Origin.UNKNOWN);
    EngineFactory engines =
        EngineFactory.torch(Device.parse(System.getProperty("sluice.test.device", "cpu")));
    ForeignRun.of(dictionary, golden, engines)
        .assertAgrees(ForeignRun.expected(golden), golden.toString());
  }

  @ParameterizedTest
  @MethodSource("golden")
  void comesBackFromSluicesFormatAndFromSaeLens(Path golden) throws IOException {
    Dictionary dictionary = DictionaryFormat.SAELENS.read(golden, Origin.UNKNOWN);
    for (DictionaryFormat format : List.of(DictionaryFormat.SLUICE, DictionaryFormat.SAELENS)) {
      Path out = folder.resolve(format.label());
      format.write(dictionary, out);
      DictionaryConfig again = format.read(out, Origin.UNKNOWN).config();
      // SAELens's gates are biases, from which thresholds come back but for their last bit.
      ActivationFunction same =
          again.activation() instanceof Gated
              ? dictionary.config().activation()
              : again.activation();
      assertThat(again.withActivation(same)).isEqualTo(dictionary.config());
    }
    for (DictionaryFormat format : DictionaryFormat.values()) {
      if (format != DictionaryFormat.SLUICE && format != DictionaryFormat.SAELENS) {
        Path out = folder.resolve(format.label());
        assertThatThrownBy(() -> format.write(dictionary, out))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(format.label() + " has no ");
        assertThat(out).doesNotExist();
      }
    }
  }

  @Test
  void whatIsDoneAtTheOutputStaysWhenHooksAreNamedAnew() throws IOException {
    Path golden = DictionaryFormatTest.goldenFolder("saelens-layer-norm");
    Origin elsewhere =
        new Origin(
            Optional.empty(),
            Optional.empty(),
            Optional.of("layers.0.mlp_out"),
            OptionalDouble.empty());
    Dictionary named = DictionaryFormat.SAELENS.read(golden, elsewhere);
    assertThat(named.config().isAutoencoder()).isFalse();
    ForeignRun.of(named, golden, EngineFactory.reference())
        .assertAgrees(ForeignRun.expected(golden), "renamed");
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.write(named, folder.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("SAELens has no transcoders whose output is restored");
    Dictionary left = with(named, new TokenNorm(TokenNorm.Kind.LAYER_NORM, false));
    Dictionary autoencoder =
        new Dictionary(left.config().named("", "a", "a"), left.parameters(), left.skip());
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.write(autoencoder, folder.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("SAELens has no autoencoders whose output stays");
  }

  @Test
  void noScaleIsFoldedIntoNormalisedUnits() {
    Path golden = DictionaryFormatTest.goldenFolder("saelens-layer-norm");
    Origin scaled =
        new Origin(Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.of(2));
    assertThatThrownBy(() -> DictionaryFormat.SAELENS.read(golden, scaled))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(golden + ": normalises each token (layer_norm)")
        .hasMessageContaining("--activation-scale");
  }

  @Test
  void halfPrecisionAndScaledTokensAreNormalisedAsTheyAreRead() throws IOException {
    Dictionary dictionary =
        DictionaryFormat.SAELENS.read(
            DictionaryFormatTest.goldenFolder("saelens-layer-norm"), Origin.UNKNOWN);
    Random random = new Random(5);
    try (Arena arena = Arena.ofShared();
        Engine engine = dictionary.open(EngineFactory.vector(Workers.allCores()))) {
      MemorySegment halves = arena.allocate(2 * 60, 64);
      MemorySegment floats = arena.allocate(4 * 60, 64);
      for (int i = 0; i < 60; i++) {
        short half = Float.floatToFloat16((float) random.nextGaussian());
        halves.setAtIndex(ValueLayout.JAVA_SHORT, i, half);
        floats.setAtIndex(FLOAT, i, 0.25f * Float.float16ToFloat(half));
      }
      MemorySegment[] made = new MemorySegment[2];
      double[] errors = new double[2];
      for (int i = 0; i < 2; i++) {
        Rows rows =
            i == 0 ? new Rows(halves, DType.F16, 10, 6, 0.25f) : new Rows(floats, DType.F32, 10, 6);
        engine.encode(rows, dictionary.config().activation());
        errors[i] = engine.decode(rows, false);
        made[i] = arena.allocate(4 * 60, 64);
        engine.readReconstruction(made[i]);
      }
      assertThat(made[0].mismatch(made[1])).isEqualTo(-1);
      assertThat(errors[0]).isEqualTo(errors[1]);
      double error = 0;
      for (int i = 0; i < 60; i++) {
        error += Math.pow(made[1].getAtIndex(FLOAT, i) - floats.getAtIndex(FLOAT, i), 2);
      }
      assertThat(errors[1]).isCloseTo(error, within(1e-9 * error));
    }
  }

  @ParameterizedTest
  @EnumSource(TokenNorm.Kind.class)
  void tokensWithoutANormAreNamed(TokenNorm.Kind kind) {
    Dictionary dictionary = with(small(5), new TokenNorm(kind, true));
    SparseEncoder encoder = SparseEncoder.of(dictionary, SparseEncoder.Weights.FLOAT32);
    float[] x = new float[20 * 5];
    for (int i = 0; i < x.length; i++) {
      x[i] = 1 + i % 7;
    }
    int[] features = new int[20 * encoder.k()];
    float[] values = new float[20 * encoder.k()];
    x[17 * 5 + 3] = Float.NaN;
    assertThatThrownBy(() -> encoder.encode(x, features, values, new int[20]))
        .isInstanceOf(NonFiniteException.class)
        .hasMessage("row 17, column 3 is NaN");
    try (Arena arena = Arena.ofShared();
        Engine engine = dictionary.open(EngineFactory.reference())) {
      Rows rows = new Rows(arena.allocateFrom(FLOAT, x), DType.F32, 20, 5);
      assertThatThrownBy(() -> engine.encode(rows, new TopK(2)))
          .isInstanceOf(NonFiniteException.class)
          .hasMessage("row 17, column 3 is NaN");
      // What was encoded before it is not decoded in its place.
      assertThatThrownBy(() -> engine.decode(rows, false))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("encode comes first");
    }
    Arrays.fill(x, 17 * 5, 18 * 5, 0);
    if (kind != TokenNorm.Kind.CONSTANT_NORM_RESCALE) {
      encoder.encode(x, features, values, new int[20]);
    } else {
      assertThatThrownBy(() -> encoder.encode(x, features, values, new int[20]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "row 17 of the batch is all zeros and cannot be scaled to a norm"
                  + " (constant_norm_rescale)");
    }
  }

  @Test
  void whatCannotNormaliseSaysSo() {
    Dictionary dictionary = with(small(5), LAYER_NORM);
    DictionaryConfig config = dictionary.config();
    assertThatThrownBy(() -> config.spec(Optimiser.ADAM))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("normalises each token (layer_norm)")
        .hasMessageContaining("Dictionary.open");
    assertThatThrownBy(() -> new CrossLayerDictionary(List.of(dictionary, dictionary)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("do not normalise each token (layer_norm)");
    Dictionary plain = small(5);
    try (Engine engine =
        EngineFactory.reference().open(plain.config().spec(Optimiser.ADAM), plain.parameters())) {
      assertThatThrownBy(() -> TokenNormalisation.around(engine, LAYER_NORM))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cannot be trained");
    }
    try (Arena arena = Arena.ofShared();
        Engine engine = dictionary.open(EngineFactory.reference())) {
      Rows rows = new Rows(arena.allocateFrom(FLOAT, 1, 2, 3, 4, 6), DType.F32, 1, 5);
      engine.encode(rows, config.activation());
      assertThatThrownBy(() -> engine.decode(rows, true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cannot be trained");
    }
    assertThatThrownBy(() -> with(small(1), LAYER_NORM))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("layer_norm needs a width of at least 2, not 1");
    assertThatThrownBy(
            () -> new Dictionary(config, plain.parameters(), Arena.ofAuto().allocate(100)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("skip connection");
    DictionaryConfig sites =
        new DictionaryConfig("", "a,b", "a,b", 5, 5, 7, new ReLU(), false, false)
            .withSites(List.of(new Site("a", 2), new Site("b", 3)));
    assertThatThrownBy(() -> sites.withTokenNorm(Optional.of(LAYER_NORM)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("several hook points");
  }

  private static Dictionary with(Dictionary dictionary, TokenNorm norm) {
    return new Dictionary(
        dictionary.config().withTokenNorm(Optional.of(norm)),
        dictionary.parameters(),
        dictionary.skip());
  }

  private static Dictionary small(int width) {
    Random random = new Random(7);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), width, width, 7);
    for (int i = 0; i < 7 * width; i++) {
      p.encoder().setAtIndex(FLOAT, i, (float) random.nextGaussian());
      p.decoder().setAtIndex(FLOAT, i, (float) random.nextGaussian());
    }
    return new Dictionary(
        new DictionaryConfig("", "a", "a", width, width, 7, new TopK(2), false, false), p);
  }
}
