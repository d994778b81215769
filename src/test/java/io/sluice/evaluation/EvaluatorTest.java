package io.sluice.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EvaluatorTest {
  private static final int WIDTH = SyntheticStore.WIDTH;
  private static final int ROWS = 1300;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  @TempDir private Path temp;
  private ActivationStore store;

  @BeforeEach
  void writeStore() throws IOException {
    store = SyntheticStore.write(temp.resolve("store"), ROWS, DType.F32, 2);
  }

  @Test
  void measuresByDefinition() throws IOException {
    Dictionary dictionary = random(WIDTH, SyntheticStore.HOOK);
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, store, EngineFactory.reference(), 100, 300, done -> {});
    double[][] x = rows();
    double[] mean = new double[WIDTH];
    for (double[] row : x) {
      for (int i = 0; i < WIDTH; i++) {
        mean[i] += row[i] / ROWS;
      }
    }
    double error = 0;
    double variance = 0;
    long codes = 0;
    long[] fired = new long[8];
    boolean[] alive = new boolean[8];
    for (int r = 0; r < ROWS; r++) {
      double[] reconstruction = new double[WIDTH];
      // k equals the number of features, so ReLU alone decides.
      for (int feature = 0; feature < 8; feature++) {
        double activation = 0;
        for (int i = 0; i < WIDTH; i++) {
          activation += x[r][i] * weight(dictionary.parameters().encoder(), feature, i);
        }
        if (activation > 0) {
          codes++;
          fired[feature]++;
          // Clocks move by batches of 100, so the last 300 tokens are the last 3 batches.
          alive[feature] |= r >= ROWS - 300;
          for (int i = 0; i < WIDTH; i++) {
            reconstruction[i] += activation * weight(dictionary.parameters().decoder(), feature, i);
          }
        }
      }
      for (int i = 0; i < WIDTH; i++) {
        error += Math.pow(reconstruction[i] - x[r][i], 2);
        variance += Math.pow(x[r][i] - mean[i], 2);
      }
    }
    assertThat(evaluation.fvu()).isCloseTo(error / variance, within(1e-5 * error / variance));
    assertThat(evaluation.explainedVariance()).isEqualTo(1 - evaluation.fvu());
    assertThat(evaluation.l0()).isCloseTo((double) codes / ROWS, within(1e-9));
    assertThat(evaluation.deadWindowTokens()).isEqualTo(300);
    int dead = 0;
    for (boolean each : alive) {
      dead += each ? 0 : 1;
    }
    assertThat(evaluation.deadFraction()).isCloseTo(dead / 8.0, within(1e-12));
    long counted = evaluation.frequencyHistogram().neverFired();
    for (long count : evaluation.frequencyHistogram().counts()) {
      counted += count;
    }
    assertThat(counted).isEqualTo(8);
  }

  @ParameterizedTest
  @EnumSource(names = {"LAYER_NORM", "CENTRED"})
  void tokensThatAreNormalisedAreComparedInTheirOwnUnits(TokenNorm.Kind kind) throws IOException {
    Dictionary plain = random(WIDTH, SyntheticStore.HOOK);
    Dictionary dictionary =
        new Dictionary(
            plain.config().withTokenNorm(Optional.of(new TokenNorm(kind, true))),
            plain.parameters());
    Evaluation evaluation =
        Evaluator.evaluate(dictionary, store, EngineFactory.reference(), 100, 300, done -> {});
    double[][] x = rows();
    double[] means = new double[WIDTH];
    double[] squares = new double[WIDTH];
    double error = 0;
    for (double[] row : x) {
      double mean = Arrays.stream(row).sum() / WIDTH;
      double spread = Arrays.stream(row).map(value -> Math.pow(value - mean, 2)).sum();
      boolean scales = kind == TokenNorm.Kind.LAYER_NORM;
      double deviation = scales ? Math.sqrt(spread / (WIDTH - 1)) : 1;
      double[] made = new double[WIDTH];
      for (int feature = 0; feature < 8; feature++) {
        double activation = 0;
        for (int i = 0; i < WIDTH; i++) {
          activation +=
              (row[i] - mean)
                  / (deviation + (scales ? 1e-5 : 0))
                  * weight(plain.parameters().encoder(), feature, i);
        }
        for (int i = 0; i < WIDTH; i++) {
          made[i] += Math.max(0, activation) * weight(plain.parameters().decoder(), feature, i);
        }
      }
      for (int i = 0; i < WIDTH; i++) {
        error += Math.pow(made[i] * deviation + mean - row[i], 2);
        means[i] += row[i] / ROWS;
        squares[i] += row[i] * row[i];
      }
    }
    double variance = 0;
    for (int i = 0; i < WIDTH; i++) {
      variance += squares[i] - ROWS * means[i] * means[i];
    }
    assertThat(evaluation.fvu()).isCloseTo(error / variance, within(1e-5 * error / variance));
  }

  @Test
  void writesTheFieldsThatReportsRead() throws IOException {
    Evaluation evaluation =
        Evaluator.evaluate(
            random(WIDTH, SyntheticStore.HOOK),
            store,
            EngineFactory.reference(),
            512,
            Long.MAX_VALUE,
            done -> {});
    Evaluator.write(evaluation, temp);
    JsonNode json = new ObjectMapper().readTree(temp.resolve("evaluation.json").toFile());
    assertThat(json.fieldNames())
        .toIterable()
        .containsExactlyInAnyOrder(
            "format",
            "tokens",
            "fvu",
            "explainedVariance",
            "l0",
            "mse",
            "explainedVarianceLegacy",
            "cosineSimilarity",
            "l1",
            "l2NormIn",
            "l2NormOut",
            "l2Ratio",
            "relativeReconstructionBias",
            "deadFraction",
            "deadWindowTokens",
            "frequencyHistogram");
    assertThat(json.get("format").asText()).isEqualTo("sluice.evaluation/1");
    assertThat(json.get("frequencyHistogram").get("log10Edges").size())
        .isEqualTo(json.get("frequencyHistogram").get("counts").size() + 1);
  }

  @Test
  void binsFrequenciesByDecade() {
    FrequencyHistogram histogram = FrequencyHistogram.of(new long[] {0, 0, 1, 10, 1000, 999}, 1000);
    assertThat(histogram.neverFired()).isEqualTo(2);
    assertThat(histogram.log10Edges()).startsWith(-3).endsWith(0);
    assertThat(histogram.counts()[0]).isEqualTo(1);
    assertThat(histogram.counts()[4]).isEqualTo(1);
    assertThat(histogram.counts()[histogram.counts().length - 1]).isEqualTo(2);
  }

  @Test
  void storeOfAnotherWidthIsRefusedWithBoth() {
    assertThatThrownBy(
            () ->
                Evaluator.evaluate(
                    random(16, SyntheticStore.HOOK),
                    store,
                    EngineFactory.reference(),
                    100,
                    1,
                    done -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("24")
        .hasMessageContaining("16");
  }

  @Test
  void storeWithoutTheHookIsRefusedWithThoseItHas() {
    assertThatThrownBy(
            () ->
                Evaluator.evaluate(
                    random(WIDTH, "layers.7.z"),
                    store,
                    EngineFactory.reference(),
                    100,
                    1,
                    done -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.7.z")
        .hasMessageContaining(SyntheticStore.HOOK);
  }

  private static double weight(MemorySegment matrix, int feature, int i) {
    return matrix.getAtIndex(FLOAT, (long) feature * WIDTH + i);
  }

  private double[][] rows() {
    double[][] x = new double[ROWS][WIDTH];
    store
        .shards()
        .forEach(
            shard -> {
              MemorySegment data = shard.data(SyntheticStore.HOOK);
              for (int r = 0; r < shard.rows(); r++) {
                for (int i = 0; i < WIDTH; i++) {
                  x[(int) shard.firstRow() + r][i] = data.getAtIndex(FLOAT, (long) r * WIDTH + i);
                }
              }
            });
    return x;
  }

  private static Dictionary random(int width, String hook) {
    Random random = new Random(4);
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), width, width, 8);
    for (int i = 0; i < 8 * width; i++) {
      p.encoder().setAtIndex(FLOAT, i, (float) (0.2 * random.nextGaussian()));
      p.decoder().setAtIndex(FLOAT, i, (float) (0.2 * random.nextGaussian()));
    }
    return new Dictionary(
        new DictionaryConfig("", hook, hook, width, width, 8, new TopK(8), false, false), p);
  }
}
