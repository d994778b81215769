package io.sluice.model.parts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.testing.Seeds;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RoutingTest {
  /** Softmax, sorted, as the definition has it. */
  @Test
  void choosesTheMostProbableWithTheirProbabilities() {
    Random random = new Random(Seeds.seed());
    for (int round = 0; round < 50; round++) {
      int experts = 1 + random.nextInt(9);
      int chosen = 1 + random.nextInt(experts);
      int count = 1 + random.nextInt(20);
      boolean normalised = random.nextBoolean();
      float[] logits = new float[count * experts];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = (float) random.nextGaussian() * 3;
      }
      Routing routing = Routing.of(logits, experts, chosen, normalised);
      assertThat(routing.count()).isEqualTo(count);
      int pairs = 0;
      for (int token = 0; token < count; token++) {
        int from = token * experts;
        double sum = IntStream.range(0, experts).mapToDouble(e -> Math.exp(logits[from + e])).sum();
        List<Integer> best =
            IntStream.range(0, experts)
                .boxed()
                .sorted(Comparator.comparingDouble(e -> -logits[from + e]))
                .limit(chosen)
                .sorted()
                .toList();
        double kept = best.stream().mapToDouble(e -> Math.exp(logits[from + e])).sum();
        for (int i = 0; i < chosen; i++) {
          int expert = best.get(i);
          int place = routing.place(token, i);
          assertThat(place - routing.first(expert)).isBetween(0, routing.count(expert) - 1);
          assertThat(routing.token(place)).isEqualTo(token);
          assertThat((double) routing.weight(token, i))
              .isCloseTo(Math.exp(logits[from + expert]) / (normalised ? kept : sum), within(1e-6));
        }
      }
      for (int expert = 0; expert < experts; expert++) {
        pairs += routing.count(expert);
      }
      assertThat(pairs).isEqualTo(count * chosen);
    }
  }

  @Test
  void ofEqualLogitsTheFirstExpertsAreChosen() {
    Routing routing = Routing.of(new float[] {1, 1, 1, 1}, 4, 2, true);
    assertThat(routing.count(0)).isOne();
    assertThat(routing.count(1)).isOne();
    assertThat(routing.weight(0, 0)).isEqualTo(0.5f);
  }

  @Test
  void logitsThatAreNoNumbersChooseAsManyExperts() {
    float nan = Float.NaN;
    Routing routing = Routing.of(new float[] {nan, 1, nan, nan, nan, nan}, 3, 2, false);
    assertThat(routing.count(0) + routing.count(1) + routing.count(2)).isEqualTo(4);
    assertThat(routing.weight(0, 0)).isNaN();
  }
}
