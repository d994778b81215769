package io.sluice.dictionary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitialiserTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private final Arena arena = Arena.ofAuto();

  @Test
  void drawsUnitRowsThatFollowFromTheSeed() {
    for (Initialiser initialiser :
        List.of(
            new Initialiser.RandomDirections(12),
            new Initialiser.ActiveSubspace(firstAxes(3, 12), 3, 12))) {
      MemorySegment one = arena.allocate(50 * 12 * 4, 64);
      MemorySegment two = arena.allocate(50 * 12 * 4, 64);
      initialiser.drawUnitRows(one, 50, 42);
      initialiser.drawUnitRows(two, 50, 42);
      assertThat(one.mismatch(two)).isEqualTo(-1);
      initialiser.drawUnitRows(two, 50, 43);
      assertThat(one.mismatch(two)).isNotEqualTo(-1);
      for (int row = 0; row < 50; row++) {
        double sum = 0;
        for (int i = 0; i < 12; i++) {
          sum += Math.pow(one.getAtIndex(FLOAT, row * 12L + i), 2);
        }
        assertThat(sum).isCloseTo(1, within(1e-5));
      }
    }
  }

  @Test
  void activeSubspaceRowsLieInTheSubspace() {
    MemorySegment rows = arena.allocate(40 * 12 * 4, 64);
    new Initialiser.ActiveSubspace(firstAxes(3, 12), 3, 12).drawUnitRows(rows, 40, 1);
    for (int row = 0; row < 40; row++) {
      for (int i = 3; i < 12; i++) {
        assertThat(rows.getAtIndex(FLOAT, row * 12L + i)).isZero();
      }
    }
  }

  @Test
  void refusesABasisOfAnotherSize() {
    assertThatThrownBy(() -> new Initialiser.ActiveSubspace(new float[10], 3, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("10")
        .hasMessageContaining("12");
    assertThatThrownBy(() -> new Initialiser.ActiveSubspace(new float[20], 5, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("5")
        .hasMessageContaining("4");
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void normSearchFindsWhatAGridFinds(boolean centre) {
    long seed = Seeds.seed();
    Random random = new Random(seed);
    int width = 10;
    int features = 40;
    EngineSpec spec = new EngineSpec(width, width, features, centre, false, Optimiser.NONE);
    MemorySegment memory = arena.allocate(100 * width * 4, 64);
    for (int i = 0; i < 100 * width; i++) {
      memory.setAtIndex(FLOAT, i, (float) (0.5 + random.nextGaussian()));
    }
    List<Rows> sample = List.of(new Rows(memory, DType.F32, 100, width));
    ActivationFunction selection = new TopK(4);
    double found;
    try (Engine engine = EngineFactory.reference().open(spec, tied(spec, 1))) {
      found =
          NormSearch.bestNorm(
              engine, List.of(new SiteFeed.Pair(sample.getFirst(), sample.getFirst())), selection);
    }
    double best = Double.MAX_VALUE;
    double bestNorm = 0;
    for (int i = 1; i <= 200; i++) {
      double norm = i * 0.01;
      try (Engine engine = EngineFactory.reference().open(spec, tied(spec, norm))) {
        engine.encode(sample.getFirst(), selection);
        double error = engine.decode(sample.getFirst(), false);
        if (error < best) {
          best = error;
          bestNorm = norm;
        }
      }
    }
    assertThat(found).as("seed %d", seed).isCloseTo(bestNorm, within(0.0101));
  }

  private DictionaryParameters tied(EngineSpec spec, double norm) {
    DictionaryParameters p =
        DictionaryParameters.allocate(
            arena, spec.inputWidth(), spec.outputWidth(), spec.features());
    new Initialiser.RandomDirections(spec.outputWidth())
        .drawUnitRows(p.decoder(), spec.features(), 9);
    for (long i = 0; i < p.decoder().byteSize() / 4; i++) {
      p.decoder().setAtIndex(FLOAT, i, (float) (norm * p.decoder().getAtIndex(FLOAT, i)));
    }
    p.encoder().copyFrom(p.decoder());
    if (spec.subtractDecoderBias()) {
      for (int i = 0; i < spec.outputWidth(); i++) {
        p.decoderBias().setAtIndex(FLOAT, i, 0.5f);
      }
    }
    return p;
  }

  private static float[] firstAxes(int dimensions, int width) {
    float[] basis = new float[dimensions * width];
    for (int i = 0; i < dimensions; i++) {
      basis[i * width + i] = 1;
    }
    return basis;
  }
}
