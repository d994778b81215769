package io.sluice.dictionary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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

class DictionaryFilesTest {
  private static final DictionaryConfig CONFIG =
      new DictionaryConfig("tiny", "layers.0.z", "layers.0.z", 5, 5, 7, new TopK(2), true, false);

  @TempDir private Path folder;
  private Dictionary dictionary;
  private Path config;
  private Path weights;

  @BeforeEach
  void save() throws IOException {
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), 5, 5, 7);
    for (int i = 0; i < 35; i++) {
      p.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
      p.decoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, -i);
    }
    dictionary = new Dictionary(CONFIG, p);
    dictionary.save(folder);
    config = folder.resolve("dictionary.json");
    weights = folder.resolve("dictionary.safetensors");
  }

  @Test
  void comesBackAsItWas() throws IOException {
    Dictionary loaded = Dictionary.load(folder);
    assertThat(loaded.config()).isEqualTo(CONFIG);
    assertThat(loaded.parameters().encoder().mismatch(dictionary.parameters().encoder()))
        .isEqualTo(-1);
    assertThat(loaded.parameters().decoder().mismatch(dictionary.parameters().decoder()))
        .isEqualTo(-1);
  }

  @Test
  void prefixesComeBackAndBadOnesAreNamed() throws IOException {
    new Dictionary(CONFIG.withPrefixes(List.of(2, 5)), dictionary.parameters()).save(folder);
    assertThat(Dictionary.load(folder).config().prefixes()).containsExactly(2, 5);
    String good = Files.readString(config);
    assertThat(good).contains("[ 2, 5 ]");
    for (String bad : List.of("[ 2, 7 ]", "[ 5, 2 ]", "[ 0, 2 ]", "[ \"2\" ]", "9", "{ }")) {
      Files.writeString(config, good.replace("[ 2, 5 ]", bad));
      assertRefused("prefixes");
    }
  }

  @Test
  void tokenNormsComeBackAndBadOnesAreNamed() throws IOException {
    for (TokenNorm.Kind kind : TokenNorm.Kind.values()) {
      for (boolean undone : new boolean[] {false, true}) {
        DictionaryConfig each = CONFIG.withTokenNorm(Optional.of(new TokenNorm(kind, undone)));
        new Dictionary(each, dictionary.parameters()).save(folder);
        assertThat(Dictionary.load(folder).config()).isEqualTo(each);
      }
    }
    String good = Files.readString(config);
    String type = "\"type\" : \"centred\"";
    String undone = "\"undone\" : true";
    assertThat(good).contains(type).contains(undone);
    for (String[] bad :
        new String[][] {
          {type, "\"type\" : \"rms\"", "unknown type 'rms'; known: layer_norm, constant_norm"},
          {type, "\"type\" : 3", "tokenNorm.type"},
          {undone, "\"undone\" : 1", "tokenNorm.undone"},
          {undone, "\"undone\" : false", "was changed"},
          {undone, "\"undone\" : true, \"eps\" : 1", "eps"},
          {", " + undone, "", "tokenNorm.undone"},
        }) {
      String text = good.replaceAll(",\\s+\"undone", ", \"undone");
      assertThat(text).contains(bad[0]);
      Files.writeString(config, text.replace(bad[0], bad[1]));
      assertRefused(bad[2]);
    }
  }

  @Test
  void everyActivationComesBack() throws IOException {
    Thresholds thresholds = Thresholds.of(0, 1, 2, 0.5f, 3, 4, 5);
    for (ActivationFunction activation :
        List.of(
            new ReLU(),
            new AbsTopK(2),
            new Pursuit(3, 0.25),
            new JumpReLU(thresholds),
            new Gated(thresholds),
            new BatchTopK(3, OptionalDouble.of(0.25)),
            new BatchTopK(3, OptionalDouble.empty()))) {
      DictionaryConfig each =
          new DictionaryConfig(
              "tiny", "a", "a", 5, 5, 7, activation, true, !(activation instanceof Pursuit));
      new Dictionary(each, dictionary.parameters()).save(folder);
      assertThat(Dictionary.load(folder).config()).isEqualTo(each);
    }
  }

  @Test
  void namesWhatIsWrongWithThresholds() throws IOException {
    Thresholds thresholds = Thresholds.of(0, 1, 2, 0.5f, 3, 4, 5);
    DictionaryConfig jump =
        new DictionaryConfig("tiny", "a", "a", 5, 5, 7, new JumpReLU(thresholds), true, true);
    assertThatThrownBy(
            () -> new DictionaryConfig("", "a", "a", 5, 5, 8, new JumpReLU(thresholds), true, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("7 thresholds, but 8 features");
    new Dictionary(jump, dictionary.parameters()).save(folder);
    String text = Files.readString(config);
    dictionary.save(folder);
    Files.writeString(config, text);
    assertRefused("tensor 'threshold' is missing");
    assertThatThrownBy(() -> Thresholds.of(1, Float.NaN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("feature 1 is NaN");
  }

  @ParameterizedTest
  @CsvSource({
    "'\"features\" : 7', '\"features\" : 8', '[7, 5]'",
    "'\"features\" : 7', '\"features\" : 1', '''activation.k'' is 2, not a whole number from 1 to 1'",
    "'\"features\" : 7', '\"features\" : 99999999999', '''features'' is 99999999999, not'",
    "'\"features\" : 7', '\"features\" : -7', '''features'' is -7, not a whole number from 1'",
    "'\"inputWidth\" : 5', '\"inputWidth\" : 6', '5'",
    "'topk', 'softplus', 'unknown type ''softplus'''",
    "'sluice.dictionary/1', 'sluice.dictionary/9', 'sluice.dictionary/9'",
    "'\"k\" : 2', '\"k\" : \"2\"', 'k'",
    "'\"model\"', '\"features\"', 'occurs twice'"
  })
  void namesWhatIsWrongInTheConfig(String from, String to, String expected) throws IOException {
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRefused(expected);
  }

  @Test
  void cutAndEmptyFilesAreRefused() throws IOException {
    for (Path file : List.of(config, weights)) {
      byte[] good = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(good, good.length / 2));
      assertRefused(file.getFileName().toString());
      Files.write(file, new byte[0]);
      assertRefused(file.getFileName().toString());
      Files.delete(file);
      assertThatThrownBy(() -> Dictionary.load(folder))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file.getFileName().toString());
      Files.write(file, good);
    }
    Dictionary.load(folder);
  }

  @Tag("slow")
  @Test
  void everyFlippedBitOfTheWeightsIsFound() throws IOException {
    byte[] good = Files.readAllBytes(weights);
    for (int place = 0; place < good.length; place++) {
      byte[] bad = good.clone();
      bad[place] ^= 0x04;
      Files.write(weights, bad);
      int at = place;
      assertThatThrownBy(() -> Dictionary.load(folder))
          .as("byte %d", at)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("dictionary.safetensors");
    }
  }

  @Test
  void everyFlippedBitOfTheConfigIsFound() throws IOException {
    byte[] good = Files.readAllBytes(config);
    for (int place = 0; place < good.length; place++) {
      byte[] bad = good.clone();
      bad[place] ^= 0x04;
      Files.write(config, bad);
      assertRefused("");
    }
  }

  @Test
  void aFileWithoutChecksumsIsReadAsItIs() throws IOException {
    DictionaryParameters p = dictionary.parameters();
    io.sluice.weights.Safetensors.write(
        weights,
        List.of(
            TensorData.of("encoder", DType.F32, p.encoder(), 7, 5),
            TensorData.of("encoder_bias", DType.F32, p.encoderBias(), 7),
            TensorData.of("decoder", DType.F32, p.decoder(), 7, 5),
            TensorData.of("decoder_bias", DType.F32, p.decoderBias(), 5)),
        Map.of());
    assertThat(Dictionary.load(folder).config()).isEqualTo(CONFIG);
  }

  @ParameterizedTest
  @CsvSource({
    "encoder, 17, 'tensor ''encoder'', row 3, element 2 is NaN'",
    "encoder_bias, 6, 'tensor ''encoder_bias'', row 6 is NaN'",
    "decoder, 34, 'tensor ''decoder'', row 6, element 4 is NaN'",
    "decoder_bias, 0, 'tensor ''decoder_bias'', row 0 is NaN'"
  })
  void weightsThatAreNotNumbersAreNamed(String tensor, int at, String expected) throws IOException {
    DictionaryParameters p = dictionary.parameters();
    MemorySegment memory =
        switch (tensor) {
          case "encoder" -> p.encoder();
          case "encoder_bias" -> p.encoderBias();
          case "decoder" -> p.decoder();
          default -> p.decoderBias();
        };
    memory.setAtIndex(ValueLayout.JAVA_FLOAT, at, Float.NaN);
    dictionary.save(folder);
    assertRefused(expected);
  }

  @Test
  void missingTensorIsNamed() throws IOException {
    DictionaryParameters p = dictionary.parameters();
    VerifiedTensors.write(
        weights, List.of(TensorData.of("encoder", DType.F32, p.encoder(), 7, 5)), Map.of());
    assertRefused("encoder_bias");
  }

  private void assertRefused(String expected) {
    assertThatThrownBy(() -> Dictionary.load(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(folder.toString())
        .hasMessageContaining(expected);
  }
}
