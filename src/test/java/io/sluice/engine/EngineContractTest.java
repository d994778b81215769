package io.sluice.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every engine promises; a subclass says how to make one. */
abstract class EngineContractTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private final Arena arena = Arena.ofShared();
  private final long seed = Seeds.seed();
  private final Random random = new Random(seed);

  /** An engine that starts at {@code initial}; skips the test where it cannot run. */
  abstract Engine open(EngineSpec spec, DictionaryParameters initial);

  @AfterEach
  void free() {
    arena.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "adam-plain-value",
        "adam-plain-norm",
        "adam-centred-value",
        "adam-centred-norm",
        "adam-transcoder",
        "sparse-adam-plain-value",
        "sparse-adam-plain-norm",
        "sparse-adam-centred-value",
        "sparse-adam-centred-norm",
        "sparse-adam-transcoder",
        "adam-batchtopk",
        "sparse-adam-batchtopk",
        "adam-relu",
        "sparse-adam-relu",
        "adam-relu-power",
        "sparse-adam-relu-power",
        "adam-jumprelu-count",
        "sparse-adam-jumprelu-count",
        "adam-jumprelu-linear",
        "sparse-adam-jumprelu-tanh",
        "adam-gated",
        "sparse-adam-gated",
        "adam-abstopk",
        "sparse-adam-abstopk",
        "adam-topk-nested",
        "sparse-adam-topk-nested",
        "adam-batchtopk-nested",
        "adam-pursuit",
        "sparse-adam-pursuit"
      })
  void followsPyTorchAutogradForTwentySteps(String name) throws Exception {
    GoldenRun golden = GoldenRun.load(name);
    try (Engine engine = open(golden.spec(), golden.start(arena))) {
      golden.startLearned(engine);
      for (int step = 1; step <= golden.steps(); step++) {
        Rows input = golden.input(arena, step);
        Rows target = golden.target(arena, step, input);
        engine.encode(input, golden.selection());
        double loss = engine.decode(target, true) / input.count();
        if (golden.penaltyWeight() > 0) {
          double charged = engine.charge(golden.penalty(step)) * golden.penaltyWeight();
          double added =
              engine.penalise(golden.penalty(step), golden.penaltyWeight()).getAsDouble();
          assertThat(added).isCloseTo(charged, relative(1e-9));
          loss += added;
        }
        assertThat(loss).as("loss of step %d", step).isCloseTo(golden.loss(step), relative(1e-4));
        engine.accumulate();
        engine.update(golden.adam(step));
        if (golden.hasParametersAfter(step)) {
          assertClose(engine.parameters(arena), golden.after(arena, step), 1e-4);
          for (StateTensor tensor : engine.state()) {
            if (engine.spec().learned().names().contains(tensor.name())) {
              assertClose(
                  tensor.name(),
                  engine.read(tensor, arena),
                  golden.learnedAfter(tensor.name(), step),
                  1e-4);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"adam-auxk", "sparse-adam-auxk"})
  void deadFeaturesLearnTheResidualAsPyTorchHasThem(String name) throws Exception {
    GoldenRun golden = GoldenRun.load(name);
    long tokens = 0;
    try (Engine engine = open(golden.spec(), golden.start(arena))) {
      for (int step = 1; step <= golden.steps(); step++) {
        Rows input = golden.input(arena, step);
        tokens += input.count();
        engine.encode(input, golden.selection());
        double loss = engine.decode(input, true) / input.count();
        assertThat(loss).as("loss of step %d", step).isCloseTo(golden.loss(step), relative(1e-4));
        engine.markFired(tokens);
        double added =
            engine
                .addDeadFeatureLoss(golden.auxK(), golden.auxWeight(), tokens - golden.auxWindow())
                .getAsDouble();
        assertThat(added)
            .as("added in step %d", step)
            .isCloseTo(golden.added(step), within(1e-4 * golden.added(step)));
        engine.accumulate();
        engine.update(golden.adam(step));
        if (golden.hasParametersAfter(step)) {
          assertClose(engine.parameters(arena), golden.after(arena, step), 1e-4);
        }
      }
    }
  }

  @Test
  void resultsOfTrainingAreThoseThatDecodingReturns() {
    EngineSpec spec = new EngineSpec(5, 5, 24, true, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    List<BatchResult> told = new ArrayList<>();
    try (Engine now = open(spec, start);
        Engine later = open(spec, start)) {
      assertThat(later.takeResults()).isEmpty();
      // More than an engine keeps on its device.
      for (int step = 1; step <= 300; step++) {
        Rows batch = randomRows(1 + step % 3, 5);
        ActivationFunction selection =
            List.of(new TopK(2), new BatchTopK(3), new ReLU()).get(step % 3);
        now.encode(batch, selection);
        later.encode(batch, selection);
        double error = now.decode(batch, true);
        told.add(new BatchResult(error, now.codeCount(), now.leastScore()));
        later.decodeForTraining(batch);
        for (Engine each : List.of(now, later)) {
          each.accumulate();
          each.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
        }
        if (step == 7) {
          assertThat(later.takeResults()).isEqualTo(told);
          told.clear();
        }
      }
      assertSameState(now, later);
      assertThat(later.takeResults()).isEqualTo(told);
      assertThat(later.takeResults()).isEmpty();
      assertThatThrownBy(() -> later.decodeForTraining(randomRows(1, 5)))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void revivingIsForDeadFeaturesOnceAndInOrder() {
    EngineSpec spec = new EngineSpec(12, 12, 40, true, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    Rows batch = randomRows(20, 12);
    try (Engine engine = open(spec, start);
        Engine plain = open(spec, start)) {
      assertThatThrownBy(() -> engine.addDeadFeatureLoss(3, 1, 0))
          .isInstanceOf(IllegalStateException.class);
      for (Engine each : List.of(engine, plain)) {
        each.encode(batch, new TopK(3));
        each.decode(batch, true);
        each.markFired(20);
      }
      // Nothing was last marked before the beginning.
      assertThat(engine.addDeadFeatureLoss(3, 1, -1).getAsDouble()).isZero();
      engine.accumulate();
      plain.accumulate();
      assertThatThrownBy(() -> engine.addDeadFeatureLoss(3, 1, 0))
          .isInstanceOf(IllegalStateException.class);
      engine.update(new AdamStep(1, 1e-3, 0.9, 0.999, 1e-8));
      plain.update(new AdamStep(1, 1e-3, 0.9, 0.999, 1e-8));
      assertSameState(engine, plain);
      engine.encode(batch, new TopK(3));
      engine.decode(batch, true);
      // More than there are dead features; none of them is in a code, though none was marked.
      int entries = engine.codes().entries();
      assertThat(engine.addDeadFeatureLoss(1000, 1, 100).getAsDouble()).isPositive();
      assertThat(engine.codes().entries()).isEqualTo(entries);
      assertThatThrownBy(() -> engine.addDeadFeatureLoss(3, 1, 100))
          .isInstanceOf(IllegalStateException.class);
      engine.accumulate();
      engine.update(new AdamStep(2, 1e-3, 0.9, 0.999, 1e-8));
      engine.encode(batch, new ReLU());
      engine.decode(batch, true);
      assertThatThrownBy(() -> engine.addDeadFeatureLoss(3, 1, 0))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void revivingGivesWhatTheSpecificationGives() {
    // Features that rank nearly the same would change places, so the numbers are always these.
    random.setSeed(20_404);
    EngineSpec spec = new EngineSpec(13, 13, 300, true, true, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    try (Engine engine = open(spec, start);
        Engine reference = EngineFactory.reference().open(spec, start)) {
      for (int step = 1; step <= 4; step++) {
        // Fewer and more rows, so that memory is used again.
        Rows batch = randomRows(step % 2 == 0 ? 70 : 33, 13);
        double[] added = new double[2];
        for (Engine each : List.of(reference, engine)) {
          each.encode(batch, new BatchTopK(2));
          each.decode(batch, true);
          each.markFired(step);
          added[each == engine ? 1 : 0] = each.addDeadFeatureLoss(5, 0.1, step - 1).getAsDouble();
          each.accumulate();
          each.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
        }
        assertThat(added[1]).isCloseTo(added[0], relative(1e-4));
      }
      assertClose(engine.parameters(arena), reference.parameters(arena), 1e-4);
    }
  }

  @ParameterizedTest(name = "{0} rows, {1} wide, {2} features, k {3}, norms {4}")
  @CsvSource({
    "1, 1, 1, 1, false",
    "1, 7, 13, 1, false",
    "5, 3, 17, 17, true",
    "33, 19, 101, 8, true",
    "300, 16, 64, 5, false"
  })
  void keepsTheLargestFeaturesOfEachToken(
      int rows, int width, int features, int k, boolean scoreByNorm) {
    EngineSpec spec =
        new EngineSpec(width, width, features, true, scoreByNorm, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    Rows input = randomRows(rows, width);
    try (Engine engine = open(spec, start)) {
      engine.encode(input, new TopK(k));
      Codes codes = engine.codes();
      assertThat(codes.rows()).isEqualTo(rows);
      for (int row = 0; row < rows; row++) {
        double[] value = activations(spec, start, input, row);
        double[] rank = value.clone();
        if (scoreByNorm) {
          Arrays.setAll(rank, feature -> value[feature] * norm(start, feature));
        }
        double[] descending = Arrays.stream(rank).map(r -> -r).sorted().map(r -> -r).toArray();
        int count = codes.offset(row + 1) - codes.offset(row);
        double[] before = preActivations(spec, start, input, row);
        assertThat((long) count)
            .as("seed %d", seed)
            .isBetween(kept(k, before, 1e-5), kept(k, before, -1e-5));
        for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
          int feature = codes.feature(entry);
          assertThat((double) codes.value(entry)).isCloseTo(value[feature], within(1e-4));
          assertThat(rank[feature]).isGreaterThan(descending[k - 1] - 1e-4);
        }
        assertThat(
                IntStream.range(codes.offset(row), codes.offset(row + 1))
                    .map(codes::feature)
                    .distinct()
                    .count())
            .isEqualTo(count);
      }
    }
  }

  @ParameterizedTest(name = "{0} rows, {1} wide, {2} features, norms {3}")
  @CsvSource({"1, 1, 1, false", "5, 3, 17, true", "33, 19, 101, true", "300, 16, 64, false"})
  void keepsWhatIsAboveItsOwnThreshold(int rows, int width, int features, boolean byNorm) {
    EngineSpec spec = new EngineSpec(width, width, features, true, byNorm, Optimiser.NONE);
    DictionaryParameters start = randomParameters(spec);
    Rows input = randomRows(rows, width);
    float[] thresholds = new float[features];
    for (int feature = 0; feature < features; feature++) {
      thresholds[feature] = feature % 5 == 0 ? 0 : (float) random.nextGaussian();
    }
    try (Engine engine = open(spec, start)) {
      for (Thresholds each :
          List.of(Thresholds.of(thresholds), Thresholds.uniform(0), Thresholds.uniform(1e9f))) {
        engine.encode(input, new JumpReLU(each));
        Codes codes = engine.codes();
        assertThat(codes.rows()).isEqualTo(rows);
        for (int row = 0; row < rows; row++) {
          double[] value = activations(spec, start, input, row);
          double[] found = new double[features];
          for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
            assertThat(found[codes.feature(entry)]).isZero();
            found[codes.feature(entry)] = codes.value(entry);
          }
          for (int feature = 0; feature < features; feature++) {
            double rank = value[feature] * (byNorm ? norm(start, feature) : 1);
            double threshold = Math.max(0, each.of(feature));
            if (Math.abs(rank - threshold) > 1e-4) {
              assertThat(found[feature])
                  .as("seed %d, row %d, feature %d", seed, row, feature)
                  .isCloseTo(rank > threshold ? value[feature] : 0, within(1e-4));
            }
          }
        }
        assertThat(engine.decode(input, false)).isFinite();
      }
    }
  }

  @ParameterizedTest(name = "{0} rows, {1} wide, {2} features, k {3}, norms {4}")
  @CsvSource({
    "1, 1, 1, 1, false",
    "5, 3, 17, 17, true",
    "33, 19, 101, 8, true",
    "300, 16, 64, 5, false"
  })
  void keepsTheLargestOfTheWholeBatch(
      int rows, int width, int features, int k, boolean scoreByNorm) {
    EngineSpec spec = new EngineSpec(width, width, features, true, scoreByNorm, Optimiser.NONE);
    DictionaryParameters start = randomParameters(spec);
    Rows input = randomRows(rows, width);
    try (Engine engine = open(spec, start)) {
      engine.encode(input, new BatchTopK(k));
      Codes codes = engine.codes();
      double[][] value = new double[rows][];
      double[] all = new double[rows * features];
      for (int row = 0; row < rows; row++) {
        value[row] = activations(spec, start, input, row);
        for (int feature = 0; feature < features; feature++) {
          all[row * features + feature] =
              value[row][feature] * (scoreByNorm ? norm(start, feature) : 1);
        }
      }
      double[] before = new double[rows * features];
      for (int row = 0; row < rows; row++) {
        System.arraycopy(
            preActivations(spec, start, input, row), 0, before, row * features, features);
      }
      assertThat((long) codes.entries())
          .as("seed %d", seed)
          .isBetween(kept(rows * k, before, 1e-5), kept(rows * k, before, -1e-5));
      double[] ascending = Arrays.stream(all).sorted().toArray();
      double least = ascending[Math.max(0, all.length - rows * k)];
      assertThat((double) codes.leastScore())
          .isCloseTo(
              Arrays.stream(ascending).filter(r -> r > 0 && r >= least).min().orElse(0),
              within(1e-4));
      for (int row = 0; row < rows; row++) {
        for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
          int feature = codes.feature(entry);
          assertThat((double) codes.value(entry)).isCloseTo(value[row][feature], within(1e-4));
          assertThat(all[row * features + feature]).isGreaterThan(least - 1e-4);
        }
      }
    }
  }

  @ParameterizedTest(name = "{0} rows, {1} wide, {2} features, k {3}, norms {4}")
  @CsvSource({
    "1, 1, 1, 1, false",
    "5, 3, 17, 17, true",
    "33, 19, 101, 8, true",
    "300, 16, 64, 5, false"
  })
  void keepsWhatIsFurthestFromZeroWithItsSign(
      int rows, int width, int features, int k, boolean scoreByNorm) {
    EngineSpec spec = new EngineSpec(width, width, features, true, scoreByNorm, Optimiser.NONE);
    DictionaryParameters start = randomParameters(spec);
    Rows input = randomRows(rows, width);
    try (Engine engine = open(spec, start)) {
      engine.encode(input, new AbsTopK(k));
      Codes codes = engine.codes();
      for (int row = 0; row < rows; row++) {
        double[] value = preActivations(spec, start, input, row);
        double[] rank = new double[features];
        Arrays.setAll(rank, j -> Math.abs(value[j]) * (scoreByNorm ? norm(start, j) : 1));
        double least = Arrays.stream(rank).sorted().toArray()[features - k];
        assertThat(codes.offset(row + 1) - codes.offset(row)).as("seed %d", seed).isEqualTo(k);
        for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
          int feature = codes.feature(entry);
          assertThat((double) codes.value(entry)).isCloseTo(value[feature], within(1e-4));
          assertThat(rank[feature]).isGreaterThan(least - 1e-4);
        }
        assertThat(
                IntStream.range(codes.offset(row), codes.offset(row + 1))
                    .map(codes::feature)
                    .distinct()
                    .count())
            .isEqualTo(k);
      }
    }
  }

  @Test
  void matchingPursuitTakesTheBestOfWhatIsLeft() {
    EngineSpec spec = new EngineSpec(12, 12, 70, true, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    for (int feature = 0; feature < 70; feature++) {
      double norm = norm(start, feature);
      for (int i = 0; i < 12; i++) {
        long at = feature * 12L + i;
        start
            .decoder()
            .setAtIndex(FLOAT, at, (float) (start.decoder().getAtIndex(FLOAT, at) / norm));
      }
    }
    Rows input = randomRows(40, 12);
    try (Engine engine = open(spec, start);
        Engine reference = EngineFactory.reference().open(spec, start)) {
      double last = Double.POSITIVE_INFINITY;
      for (int picks : new int[] {1, 2, 5, 30}) {
        ActivationFunction pursuit = new Pursuit(picks, 0.05);
        engine.encode(input, pursuit);
        reference.encode(input, pursuit);
        double error = engine.decode(input, true);
        assertThat(error).as("seed %d", seed).isLessThan(last);
        assertThat(error).isCloseTo(reference.decode(input, true), relative(1));
        last = error;
        Codes codes = engine.codes();
        for (int row = 0; row < 40; row++) {
          assertThat(codes.offset(row + 1) - codes.offset(row)).isBetween(1, picks);
        }
      }
      assertThatThrownBy(() -> engine.penalise(1)).isInstanceOf(IllegalArgumentException.class);
      engine.accumulate();
      engine.update(new AdamStep(1, 1e-3, 0.9, 0.999, 1e-8));
      DictionaryParameters after = engine.parameters(arena);
      assertThat(after.encoder().mismatch(start.encoder())).isEqualTo(-1);
      assertThat(after.decoder().mismatch(start.decoder())).isNotEqualTo(-1);
    }
    EngineSpec two = new EngineSpec(12, 9, 70, false, false, Optimiser.NONE);
    try (Engine engine = open(two, randomParameters(two))) {
      assertThatThrownBy(() -> engine.encode(input, new Pursuit(2, 0)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("12 and 9");
    }
  }

  @Test
  void learnsFromAnyNumberOfCodesPerToken() {
    // Features that rank nearly the same would change places, so the numbers are always these.
    random.setSeed(20_405);
    EngineSpec spec = new EngineSpec(12, 12, 40, true, false, Optimiser.SPARSE_ADAM);
    DictionaryParameters start = randomParameters(spec);
    List<ActivationFunction> selections =
        List.of(new ReLU(), new BatchTopK(3), new JumpReLU(Thresholds.uniform(0.7f)), new TopK(3));
    try (Engine engine = open(spec, start);
        Engine reference = EngineFactory.reference().open(spec, start)) {
      for (int step = 1; step <= selections.size(); step++) {
        Rows batch = randomRows(20, 12);
        for (Engine each : List.of(engine, reference)) {
          each.encode(batch, selections.get(step - 1));
          each.decode(batch, true);
          each.accumulate();
          each.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
        }
      }
      assertClose(engine.parameters(arena), reference.parameters(arena), 1e-4);
    }
  }

  @Test
  void tokensThatNothingFiresOnAreTheBias() {
    EngineSpec spec = new EngineSpec(4, 4, 6, false, false, Optimiser.ADAM);
    DictionaryParameters start = randomParameters(spec);
    for (int feature = 0; feature < 6; feature++) {
      start.encoderBias().setAtIndex(FLOAT, feature, -1e6f);
    }
    Rows input = randomRows(3, 4);
    try (Engine engine = open(spec, start)) {
      engine.encode(input, new TopK(2));
      assertThat(engine.codes().entries()).isZero();
      double error = engine.decode(input, true);
      MemorySegment reconstruction = arena.allocate(3 * 4 * 4, 64);
      engine.readReconstruction(reconstruction);
      double expected = 0;
      for (int row = 0; row < 3; row++) {
        for (int i = 0; i < 4; i++) {
          float bias = start.decoderBias().getAtIndex(FLOAT, i);
          assertThat(reconstruction.getAtIndex(FLOAT, row * 4L + i)).isEqualTo(bias);
          expected += Math.pow(bias - input.at(row, i), 2);
        }
      }
      assertThat(error).isCloseTo(expected, relative(1e-5));
      engine.accumulate();
      engine.update(new AdamStep(1, 1e-2, 0.9, 0.999, 1e-8));
      DictionaryParameters after = engine.parameters(arena);
      assertThat(after.encoder().mismatch(start.encoder())).isEqualTo(-1);
      assertThat(after.decoderBias().mismatch(start.decoderBias())).isNotEqualTo(-1);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void readsHalfPrecisionAsItsExactValues(DType dtype) {
    EngineSpec spec = new EngineSpec(9, 9, 20, true, false, Optimiser.ADAM);
    DictionaryParameters start = randomParameters(spec);
    Rows narrow = narrowed(randomRows(11, 9), dtype);
    MemorySegment wide = arena.allocate(11 * 9 * 4, 64);
    for (int i = 0; i < 11 * 9; i++) {
      wide.setAtIndex(FLOAT, i, narrow.at(i / 9, i % 9));
    }
    assertThat(oneStep(spec, start, narrow)).isEqualTo(oneStep(spec, start, rows(wide, 11, 9)));
  }

  @Test
  void scalesWhatItReads() {
    EngineSpec spec = new EngineSpec(5, 5, 12, false, false, Optimiser.ADAM);
    DictionaryParameters start = randomParameters(spec);
    Rows plain = randomRows(7, 5);
    // A power of two, so that scaling beforehand is exact.
    MemorySegment doubled = arena.allocate(7 * 5 * 4, 64);
    for (int i = 0; i < 35; i++) {
      doubled.setAtIndex(FLOAT, i, 2 * plain.at(i / 5, i % 5));
    }
    Rows scaled = new Rows(plain.memory(), DType.F32, 7, 5, 2f);
    assertThat(oneStep(spec, start, scaled)).isEqualTo(oneStep(spec, start, rows(doubled, 7, 5)));
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void sameCallsGiveTheSameBits(Optimiser optimiser) {
    EngineSpec spec = new EngineSpec(16, 16, 50, true, true, optimiser);
    DictionaryParameters start = randomParameters(spec);
    List<Rows> batches = IntStream.range(0, 6).mapToObj(i -> randomRows(40, 16)).toList();
    try (Engine one = open(spec, start);
        Engine two = open(spec, start)) {
      for (int i = 0; i < batches.size(); i++) {
        train(one, batches.get(i), i + 1);
        train(two, batches.get(i), i + 1);
      }
      assertSameState(one, two);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void goesOnBitByBitFromARestoredState(Optimiser optimiser) {
    EngineSpec spec = new EngineSpec(10, 10, 40, true, false, optimiser);
    DictionaryParameters start = randomParameters(spec);
    List<Rows> batches = IntStream.range(0, 12).mapToObj(i -> randomRows(3, 10)).toList();
    try (Engine whole = open(spec, start);
        Engine broken = open(spec, start);
        Engine resumed = open(spec, DictionaryParameters.allocate(arena, 10, 10, 40))) {
      for (int i = 0; i < 12; i++) {
        train(whole, batches.get(i), i + 1);
      }
      for (int i = 0; i < 6; i++) {
        train(broken, batches.get(i), i + 1);
      }
      for (StateTensor tensor : broken.state()) {
        resumed.write(tensor, broken.read(tensor, arena));
      }
      assertSameState(broken, resumed);
      for (int i = 6; i < 12; i++) {
        train(resumed, batches.get(i), i + 1);
      }
      assertSameState(whole, resumed);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void momentsInBfloat16GoOnBitByBit(Optimiser optimiser) {
    EngineSpec spec = new EngineSpec(10, 10, 40, true, false, optimiser).withMoments(DType.BF16);
    DictionaryParameters start = randomParameters(spec);
    List<Rows> batches = IntStream.range(0, 12).mapToObj(i -> randomRows(3, 10)).toList();
    try (Engine whole = open(spec, start);
        Engine resumed = open(spec, DictionaryParameters.allocate(arena, 10, 10, 40))) {
      for (int i = 0; i < 6; i++) {
        train(whole, batches.get(i), i + 1);
      }
      for (StateTensor tensor : whole.state()) {
        boolean half = tensor.name().matches("(encoder|decoder)\\.(first|second)_moment");
        assertThat(tensor.dtype() == DType.BF16).as(tensor.name()).isEqualTo(half);
        MemorySegment kept = whole.read(tensor, arena);
        assertThat(kept.byteSize()).as(tensor.name()).isEqualTo(tensor.bytes());
        resumed.write(tensor, kept);
      }
      assertSameState(whole, resumed);
      for (int i = 6; i < 12; i++) {
        train(whole, batches.get(i), i + 1);
        train(resumed, batches.get(i), i + 1);
      }
      assertSameState(whole, resumed);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Optimiser.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void momentsInBfloat16HaveTheSameRandomBitsEverywhere(Optimiser optimiser) {
    random.setSeed(16);
    EngineSpec spec = new EngineSpec(11, 11, 40, true, false, optimiser).withMoments(DType.BF16);
    DictionaryParameters start = randomParameters(spec);
    // The reference rounds resting rows at each step, engines that decay them late only when they
    // move.
    EngineFactory other =
        optimiser == Optimiser.ADAM
            ? EngineFactory.reference()
            : EngineFactory.vector(Workers.allCores());
    try (Engine engine = open(spec, start);
        Engine expected = other.open(spec, start)) {
      for (int i = 0; i < 12; i++) {
        Rows batch = randomRows(30, 11);
        train(engine, batch, i + 1);
        train(expected, batch, i + 1);
      }
      assertClose(engine.parameters(arena), expected.parameters(arena), 1e-3);
      if (engine.name().equals("reference") && optimiser == Optimiser.SPARSE_ADAM) {
        return;
      }
      assertClose(engine.parameters(arena), expected.parameters(arena), 1e-4);
      for (StateTensor tensor : expected.state()) {
        if (tensor.dtype() == DType.BF16) {
          short[] ours = engine.read(tensor, arena).toArray(ValueLayout.JAVA_SHORT);
          short[] theirs = expected.read(tensor, arena).toArray(ValueLayout.JAVA_SHORT);
          long same = IntStream.range(0, ours.length).filter(i -> ours[i] == theirs[i]).count();
          // Sums that differ in their last bits are rarely rounded to different numbers.
          assertThat((double) same / ours.length).as(tensor.name()).isGreaterThan(0.98);
        }
      }
    }
  }

  @Test
  void weightsThatAreNotNumbersAreAnErrorOrNoCode() {
    EngineSpec spec = new EngineSpec(4, 4, 8, false, false, Optimiser.ADAM);
    DictionaryParameters start = randomParameters(spec);
    start.encoderBias().setAtIndex(FLOAT, 3, Float.NaN);
    try (Engine engine = open(spec, start)) {
      try {
        engine.encode(randomRows(20, 4), new TopK(2));
      } catch (IllegalStateException | NonFiniteWeightsException e) {
        assertThat(e).hasMessageContaining("not finite");
        return;
      }
      for (int entry = 0; entry < engine.codes().entries(); entry++) {
        assertThat(engine.codes().feature(entry)).isNotEqualTo(3);
        assertThat(engine.codes().value(entry)).isPositive();
      }
    }
  }

  @Test
  void withoutAnOptimiserOnlyEncodesAndDecodes() {
    EngineSpec spec = new EngineSpec(4, 4, 8, true, false, Optimiser.NONE);
    DictionaryParameters start = randomParameters(spec);
    try (Engine engine = open(spec, start)) {
      Rows batch = randomRows(3, 4);
      engine.encode(batch, new TopK(2));
      assertThat(engine.decode(batch, true)).isPositive();
      assertThatThrownBy(engine::accumulate)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("optimiser");
      assertThat(engine.parameters(arena).encoder().mismatch(start.encoder())).isEqualTo(-1);
      assertThat(engine.state()).hasSize(5);
    }
  }

  @Test
  void sparseAdamEqualsItsDenseDefinition() {
    // As above; and Adam makes whole steps of gradients that are nearly 0, whatever their sign.
    random.setSeed(20_406);
    // Few tokens against many features, so that rows rest for long between two updates.
    EngineSpec spec = new EngineSpec(8, 8, 60, false, false, Optimiser.SPARSE_ADAM);
    assertTrainsAsTheReference(spec, 150, 2, new TopK(2), 1e-4, 1e-6);
  }

  @Test
  void sumsOverHundredsOfTokensOfAFeature() {
    random.setSeed(300);
    // Each feature fires for some hundred tokens, more than any engine adds up in one go.
    EngineSpec spec = new EngineSpec(8, 8, 6, true, false, Optimiser.ADAM);
    assertTrainsAsTheReference(spec, 3, 700, new TopK(3), 1e-3, 1e-5);
  }

  /** Compares the parameters after some steps, each of {@code rows} random rows. */
  private void assertTrainsAsTheReference(
      EngineSpec spec, int steps, int rows, TopK selection, double rate, double tolerance) {
    DictionaryParameters start = randomParameters(spec);
    try (Engine engine = open(spec, start);
        Engine reference = EngineFactory.reference().open(spec, start)) {
      for (int step = 1; step <= steps; step++) {
        Rows batch = randomRows(rows, spec.inputWidth());
        for (Engine each : List.of(engine, reference)) {
          each.encode(batch, selection);
          each.decode(batch, true);
          each.accumulate();
          each.update(new AdamStep(step, rate, 0.9, 0.999, 1e-8));
        }
      }
      assertClose(engine.parameters(arena), reference.parameters(arena), tolerance);
    }
  }

  @Test
  void countsTheFeaturesThatFiredSinceAClock() {
    EngineSpec spec = new EngineSpec(6, 6, 30, false, false, Optimiser.ADAM);
    try (Engine engine = open(spec, randomParameters(spec))) {
      assertThat(engine.firedSince(-1)).isEqualTo(30);
      assertThat(engine.firedSince(0)).isZero();
      engine.encode(randomRows(2, 6), new TopK(2));
      engine.markFired(100);
      int fired = engine.firedSince(99);
      assertThat(fired).isBetween(1, 4);
      assertThat(engine.firedSince(100)).isZero();
      engine.encode(randomRows(20, 6), new TopK(3));
      engine.markFired(200);
      assertThat(engine.firedSince(0)).isGreaterThanOrEqualTo(fired);
    }
  }

  @Test
  void refusesCallsOutOfOrder() {
    EngineSpec spec = new EngineSpec(4, 4, 8, false, false, Optimiser.ADAM);
    AdamStep adam = new AdamStep(1, 1e-3, 0.9, 0.999, 1e-8);
    Rows batch = randomRows(2, 4);
    Engine engine = open(spec, randomParameters(spec));
    assertThatThrownBy(() -> engine.decode(batch, true)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(engine::accumulate).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> engine.update(adam)).isInstanceOf(IllegalStateException.class);
    engine.encode(batch, new TopK(2));
    engine.decode(batch, false);
    assertThatThrownBy(engine::accumulate).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> engine.penalise(1)).isInstanceOf(IllegalStateException.class);
    engine.decode(batch, true);
    assertThatThrownBy(() -> engine.penalise(-1)).isInstanceOf(IllegalArgumentException.class);
    engine.penalise(0.5);
    assertThatThrownBy(() -> engine.penalise(1)).isInstanceOf(IllegalStateException.class);
    engine.accumulate();
    assertThatThrownBy(() -> engine.encode(batch, new TopK(2)))
        .isInstanceOf(IllegalStateException.class);
    engine.update(adam);
    engine.close();
    engine.close();
    assertThatThrownBy(() -> engine.encode(batch, new TopK(2)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void namesBothValuesOfAMismatch() {
    EngineSpec spec = new EngineSpec(4, 5, 8, false, false, Optimiser.ADAM);
    DictionaryParameters start = randomParameters(spec);
    try (Engine engine = open(spec, start)) {
      assertThatThrownBy(() -> engine.encode(randomRows(2, 7), new TopK(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("7")
          .hasMessageContaining("4");
      assertThatThrownBy(() -> engine.encode(randomRows(2, 4), new TopK(9)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("9")
          .hasMessageContaining("8");
      assertThatThrownBy(() -> engine.encode(randomRows(2, 4), new BatchTopK(9)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("9")
          .hasMessageContaining("8");
      ActivationFunction wrong = new JumpReLU(Thresholds.of(1, 2, 3));
      assertThatThrownBy(() -> engine.encode(randomRows(2, 4), wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("3")
          .hasMessageContaining("8");
      engine.encode(randomRows(2, 4), new TopK(2));
      assertThatThrownBy(() -> engine.decode(randomRows(3, 5), true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("3 x 5")
          .hasMessageContaining("2 x 5");
      StateTensor encoder = engine.state().getFirst();
      assertThatThrownBy(() -> engine.write(encoder, arena.allocate(4)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("128");
    }
    EngineSpec other = new EngineSpec(4, 5, 9, false, false, Optimiser.ADAM);
    assertThatThrownBy(() -> open(other, start).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("8 features")
        .hasMessageContaining("9 features");
  }

  /**
   * How many of at most {@code k} are kept if those count that are above {@code least}; rounding
   * decides about those next to 0.
   */
  private static long kept(int k, double[] values, double least) {
    return Math.min(k, Arrays.stream(values).filter(value -> value > least).count());
  }

  private void train(Engine engine, Rows batch, int step) {
    engine.encode(batch, new TopK(4));
    engine.decode(batch, true);
    engine.markFired(step * 10L);
    engine.accumulate();
    engine.update(new AdamStep(step, 1e-3, 0.9, 0.99, 1e-8));
  }

  /** The bits of all parameters after one step. */
  private byte[] oneStep(EngineSpec spec, DictionaryParameters start, Rows batch) {
    try (Engine engine = open(spec, start)) {
      train(engine, batch, 1);
      DictionaryParameters after = engine.parameters(arena);
      return concatenate(
          after.encoder(), after.encoderBias(), after.decoder(), after.decoderBias());
    }
  }

  private static byte[] concatenate(MemorySegment... parts) {
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    for (MemorySegment part : parts) {
      all.writeBytes(part.toArray(ValueLayout.JAVA_BYTE));
    }
    return all.toByteArray();
  }

  private void assertSameState(Engine one, Engine two) {
    for (StateTensor tensor : one.state()) {
      assertThat(one.read(tensor, arena).mismatch(two.read(tensor, arena)))
          .as("first differing byte of %s, seed %d", tensor.name(), seed)
          .isEqualTo(-1);
    }
  }

  static void assertClose(
      DictionaryParameters actual, DictionaryParameters expected, double tolerance) {
    assertClose("encoder", actual.encoder(), expected.encoder(), tolerance);
    assertClose("encoder bias", actual.encoderBias(), expected.encoderBias(), tolerance);
    assertClose("decoder", actual.decoder(), expected.decoder(), tolerance);
    assertClose("decoder bias", actual.decoderBias(), expected.decoderBias(), tolerance);
  }

  /** The largest difference, against the largest magnitude of what is expected. */
  private static void assertClose(
      String name, MemorySegment actual, MemorySegment expected, double tolerance) {
    double largest = 0;
    double worst = 0;
    for (long i = 0; i < expected.byteSize() / Float.BYTES; i++) {
      double e = expected.getAtIndex(FLOAT, i);
      largest = Math.max(largest, Math.abs(e));
      worst = Math.max(worst, Math.abs(e - actual.getAtIndex(FLOAT, i)));
    }
    assertThat(worst / largest).as("relative error of %s", name).isLessThan(tolerance);
  }

  private static org.assertj.core.data.Percentage relative(double fraction) {
    return org.assertj.core.data.Percentage.withPercentage(100 * fraction);
  }

  private DictionaryParameters randomParameters(EngineSpec spec) {
    DictionaryParameters parameters =
        DictionaryParameters.allocate(
            arena, spec.inputWidth(), spec.outputWidth(), spec.features());
    fill(parameters.encoder(), 0.5);
    fill(parameters.encoderBias(), 0.1);
    fill(parameters.decoder(), 0.5);
    fill(parameters.decoderBias(), 0.3);
    return parameters;
  }

  private Rows randomRows(int count, int width) {
    MemorySegment memory = arena.allocate((long) count * width * Float.BYTES, 64);
    fill(memory, 1);
    return rows(memory, count, width);
  }

  private static Rows rows(MemorySegment memory, int count, int width) {
    return new Rows(memory, DType.F32, count, width);
  }

  private Rows narrowed(Rows rows, DType dtype) {
    long elements = (long) rows.count() * rows.width();
    MemorySegment memory = arena.allocate(elements * 2, 64);
    for (int i = 0; i < elements; i++) {
      float value = rows.at(i / rows.width(), i % rows.width());
      short bits =
          dtype == DType.F16
              ? Float.floatToFloat16(value)
              : (short) (Float.floatToRawIntBits(value) >>> 16);
      memory.setAtIndex(ValueLayout.JAVA_SHORT, i, bits);
    }
    return new Rows(memory, dtype, rows.count(), rows.width());
  }

  private void fill(MemorySegment memory, double deviation) {
    for (long i = 0; i < memory.byteSize() / Float.BYTES; i++) {
      memory.setAtIndex(FLOAT, i, (float) (deviation * random.nextGaussian()));
    }
  }

  private static double[] activations(
      EngineSpec spec, DictionaryParameters p, Rows input, int row) {
    return Arrays.stream(preActivations(spec, p, input, row)).map(v -> Math.max(0, v)).toArray();
  }

  private static double[] preActivations(
      EngineSpec spec, DictionaryParameters p, Rows input, int row) {
    double[] value = new double[spec.features()];
    for (int feature = 0; feature < value.length; feature++) {
      double sum = p.encoderBias().getAtIndex(FLOAT, feature);
      for (int i = 0; i < input.width(); i++) {
        double x = input.at(row, i);
        if (spec.subtractDecoderBias()) {
          x -= p.decoderBias().getAtIndex(FLOAT, i);
        }
        sum += x * p.encoder().getAtIndex(FLOAT, (long) feature * input.width() + i);
      }
      value[feature] = sum;
    }
    return value;
  }

  private static double norm(DictionaryParameters p, int feature) {
    double sum = 0;
    for (int i = 0; i < p.outputWidth(); i++) {
      double w = p.decoder().getAtIndex(FLOAT, (long) feature * p.outputWidth() + i);
      sum += w * w;
    }
    return Math.sqrt(sum);
  }
}
