package io.sluice.features.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.matching.DecoderCosines;
import io.sluice.dictionary.matching.Matches;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against SciPy's assignments and NumPy, made by {@code src/test/python/compare_golden.py}. */
class DictionaryComparerTest {
  private static final String HOOK = "layers.0.attn_out";
  private static final int WIDTH = 24;

  /** As {@link Assignment} says, for each row. */
  private static final double STEP = 1e-4;

  @TempDir Path folder;

  private final Safetensors golden =
      Safetensors.open(Path.of("src/test/resources/golden/compare.safetensors"));

  DictionaryComparerTest() throws IOException {}

  private double[] doubles(String name) {
    return golden.data(name).toArray(ValueLayout.JAVA_DOUBLE);
  }

  private Dictionary dictionary(String name) {
    int features = (int) golden.shape(name)[0];
    DictionaryParameters p = DictionaryParameters.allocate(Arena.ofAuto(), WIDTH, WIDTH, features);
    p.encoder().copyFrom(golden.data(name));
    p.decoder().copyFrom(golden.data(name));
    return new Dictionary(
        new DictionaryConfig("m", HOOK, HOOK, WIDTH, WIDTH, features, new TopK(6), false, false),
        p);
  }

  private ActivationStore store() throws IOException {
    int rows = (int) golden.shape("x")[0];
    StoreSpec spec = StoreSpec.of("m", "t", List.of(new Column(HOOK, WIDTH, DType.F32)));
    try (StoreWriter writer = StoreWriter.create(folder.resolve("store"), spec)) {
      writer.append(new int[rows], new int[rows], new int[rows], DType.F32, golden.data("x"));
      writer.finish();
    }
    return ActivationStore.open(folder.resolve("store"));
  }

  @Test
  void bestMatchesAgreeWithNumPy() {
    Dictionary a = dictionary("a");
    Dictionary b = dictionary("b");
    Matches found = DecoderCosines.of(a.parameters(), b.parameters(), 4, done -> {});
    double[] best = doubles("best_a");
    long[] of = golden.data("best_of_a").toArray(ValueLayout.JAVA_LONG);
    for (int row = 0; row < best.length; row++) {
      assertThat((double) found.bestScore(row)).isCloseTo(best[row], within(1e-5));
      if (best[row] > 0) {
        assertThat((long) found.best(row)).isEqualTo(of[row]);
      }
    }
    // The row of zeros has no match.
    assertThat(found.best(7)).isEqualTo(-1);
    assertThat(found.bestScore(7)).isZero();
  }

  @Test
  void assignmentsAreWithinTheStatedGapOfSciPys() {
    Dictionary a = dictionary("a");
    Dictionary b = dictionary("b");
    double optimum = doubles("assigned")[0];
    int rows = a.config().features();
    for (int k : new int[] {260, 8, 2}) {
      Assignment pairs =
          Assignment.of(DecoderCosines.of(a.parameters(), b.parameters(), k, done -> {}));
      assertThat(pairs.total()).isLessThanOrEqualTo(optimum + 1e-4);
      assertThat(pairs.bound()).isGreaterThanOrEqualTo(optimum - 1e-4);
      assertThat(Arrays.stream(pairs.partner()).filter(each -> each >= 0).boxed())
          .doesNotHaveDuplicates();
      if (k == 260) {
        assertThat(pairs.total()).isCloseTo(optimum, within(rows * STEP));
        assertThat(pairs.bound() - pairs.total()).isLessThanOrEqualTo(rows * STEP + 1e-6);
      }
    }
  }

  @Test
  void comparesAsNumPyAndSciPyDo() throws IOException {
    Comparison found =
        new DictionaryComparer(dictionary("a"), dictionary("b"))
            .compare(store(), 700, EngineFactory.reference(), done -> {});
    double[] bestA = doubles("best_a");
    double[] bestB = doubles("best_b");
    assertThat(found.meanMaxCosineA()).isCloseTo(mean(bestA, bestA.length), within(1e-5));
    assertThat(found.meanMaxCosineB()).isCloseTo(mean(bestB, bestB.length), within(1e-5));
    for (Comparison.Share share : found.stable()) {
      assertThat(share.bestA()).isCloseTo(shareFrom(bestA, share.cosine()), within(1e-12));
      assertThat(share.bestB()).isCloseTo(shareFrom(bestB, share.cosine()), within(1e-12));
      assertThat(share.oneToOne()).isLessThanOrEqualTo(share.bestA());
    }
    assertThat(found.oneToOne().mean())
        .isCloseTo(doubles("assigned")[0] / bestA.length, within(STEP + 1e-6));
    double[] unstable = doubles("unstable");
    assertThat(found.unstableA().features()).isEqualTo((int) unstable[0]);
    assertThat(found.unstableA().dimension()).isEqualTo((int) unstable[1]);
    assertThat(found.unstableA().participation()).isCloseTo(unstable[2], within(1e-3));
    assertThat(found.unstableA().active()).isBetween(0.9, 1.0);
    Comparison.CoActivation fired = found.coActivation();
    long[] firing = golden.data("fired").toArray(ValueLayout.JAVA_LONG);
    assertThat(fired.tokens()).isEqualTo(700);
    assertThat(fired.firingA()).isEqualTo((int) firing[0]);
    assertThat(fired.firingB()).isEqualTo((int) firing[1]);
    assertThat(fired.meanBestA())
        .isCloseTo(mean(doubles("jaccard_a"), (int) firing[0]), within(1e-5));
    assertThat(fired.meanBestB())
        .isCloseTo(mean(doubles("jaccard_b"), (int) firing[1]), within(1e-5));
    assertThat(fired.oneToOne().mean() * Math.min(firing[0], firing[1]))
        .isCloseTo(doubles("assigned")[1], within(bestA.length * STEP));
  }

  @Test
  void aDictionaryIsItselfInEveryMeasure() throws IOException {
    Dictionary b = dictionary("b");
    Comparison same =
        new DictionaryComparer(b, b).compare(null, 1, EngineFactory.reference(), done -> {});
    assertThat(same.meanMaxCosineA()).isCloseTo(1, within(1e-6));
    assertThat(same.stable()).allSatisfy(share -> assertThat(share.oneToOne()).isEqualTo(1));
    assertThat(same.unstableA()).isNull();
    assertThat(same.coActivation()).isNull();
  }

  @Test
  void refusesDecodersOfOtherWidths() {
    DictionaryParameters narrow = DictionaryParameters.allocate(Arena.ofAuto(), 8, 8, 4);
    assertThatThrownBy(() -> DecoderCosines.of(dictionary("a").parameters(), narrow, 4, done -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("24")
        .hasMessageContaining("8");
  }

  private static double mean(double[] values, int of) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum / of;
  }

  private static double shareFrom(double[] values, double least) {
    int count = 0;
    for (double value : values) {
      count += value >= least ? 1 : 0;
    }
    return (double) count / values.length;
  }
}
