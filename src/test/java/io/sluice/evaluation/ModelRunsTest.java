package io.sluice.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How often the loss of a dictionary runs the model and the dictionary, beside the curve of the
 * same hook point: over the same batches, with fewer variants, and the dictionary once for each.
 */
class ModelRunsTest {
  private static final Path MODEL = Path.of("src/test/resources/golden/model/causal/tiny-gpt2");
  private static final int LAYERS = 3;
  private static final HookPoint POINT = HookPoint.parse("layers.1.mlp_out");

  @TempDir private Path folder;
  private Path text;

  /** One call of the model. */
  private record Run(int contexts, int length, int variants, int layers) {}

  @BeforeEach
  void writeText() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    String line = "the white whale of the sea and a ship , ";
    text = Files.writeString(folder.resolve("text.txt"), line.repeat(9));
  }

  @Test
  void aDictionaryNeedsFewerPassesThanACurve() throws IOException {
    List<Run> ofLoss = new ArrayList<>();
    List<Run> ofDictionary = new ArrayList<>();
    List<Integer> encoded = new ArrayList<>();
    double[] mean = new double[24];
    try (LoadedModel model = LoadedModel.open(MODEL, Device.CPU)) {
      Covariance covariance = Covariance.of(25, mean, identity());
      measurement(model, ofLoss).curves(Map.of(POINT, covariance), null, done -> {});
      measurement(model, ofDictionary).of(dictionary(), counting(encoded), mean, done -> {});
    }
    int ks = LossMeasurement.usualKs(24).length;
    assertThat(ks).isEqualTo(11);
    assertThat(ofLoss).isNotEmpty().hasSameSizeAs(ofDictionary);
    for (int i = 0; i < ofLoss.size(); i++) {
      Run loss = ofLoss.get(i);
      Run own = ofDictionary.get(i);
      assertThat(own.contexts).isEqualTo(loss.contexts);
      assertThat(own.length).isEqualTo(loss.length);
      // The unchanged model, the mean, the reconstruction and zeros; beside the unchanged model and
      // the mean, one for each k.
      assertThat(own.variants).isEqualTo(4);
      assertThat(loss.variants).isEqualTo(2 + ks);
      // All layers once, and those from layer 1 on again for each further variant.
      assertThat(own.layers).isEqualTo(LAYERS + 3 * 2);
      assertThat(loss.layers).isEqualTo(LAYERS + (1 + ks) * 2);
      // The dictionary encodes the whole batch at once, but for the first position of each context.
      assertThat(encoded.get(i)).isEqualTo(own.contexts * (own.length - 1));
    }
    assertThat(encoded).hasSameSizeAs(ofDictionary);
  }

  private LossMeasurement measurement(LoadedModel model, List<Run> runs) {
    LanguageModel counting =
        (LanguageModel)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {LanguageModel.class},
                (proxy, method, arguments) -> {
                  if (List.of("losses", "predictions").contains(method.getName())) {
                    runs.add(run((TokenBatch) arguments[0], (List<?>) arguments[1]));
                  }
                  try {
                    return method.invoke(model.languageModel(), arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
    LoadedModel watched =
        new LoadedModel(
            model.name(), counting, model.tokenizer(), model.endOfText(), model.beginningOfText());
    return new LossMeasurement(watched, new ContextSpec(List.of(text), 8, 0, 4, Long.MAX_VALUE), 1);
  }

  /** Layers before a variant's first hook run once for all ({@link LanguageModel#losses}). */
  private static Run run(TokenBatch batch, List<?> variants) {
    int shared = 0;
    int own = 0;
    for (Object variant : variants) {
      int first = Math.min(LAYERS, ((Hooks) variant).firstLayer());
      shared = Math.max(shared, first);
      own += LAYERS - first;
    }
    return new Run(batch.size(), batch.length(), variants.size(), shared + own);
  }

  private static EngineFactory counting(List<Integer> encoded) {
    return (spec, initial) -> {
      Engine engine = EngineFactory.reference().open(spec, initial);
      return (Engine)
          Proxy.newProxyInstance(
              ModelRunsTest.class.getClassLoader(),
              new Class<?>[] {Engine.class},
              (proxy, method, arguments) -> {
                if (method.getName().equals("encode")) {
                  encoded.add(((Rows) arguments[0]).count());
                }
                try {
                  return method.invoke(engine, arguments);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              });
    };
  }

  private static Dictionary dictionary() {
    String hook = POINT.toString();
    return new Dictionary(
        new DictionaryConfig("tiny", hook, hook, 24, 24, 30, new ReLU(), false, false),
        DictionaryParameters.allocate(Arena.ofAuto(), 24, 24, 30));
  }

  private static double[] identity() {
    double[] matrix = new double[24 * 24];
    for (int i = 0; i < 24; i++) {
      matrix[i * 25] = 1 + i;
    }
    return matrix;
  }
}
