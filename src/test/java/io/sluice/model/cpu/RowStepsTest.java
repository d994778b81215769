package io.sluice.model.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.Workers;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every row goes through every step once, in order, however many rows and threads there are. */
class RowStepsTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7})
  void takesEachRowThroughAllSteps(int threads) {
    try (Workers workers = Workers.of(threads)) {
      for (int rows : new int[] {1, 15, 32, 33, 100, 1000, 1023, 4099}) {
        RowSteps steps = new RowSteps(workers, rows);
        AtomicIntegerArray done = new AtomicIntegerArray(rows);
        for (int step = 0; step < 3; step++) {
          int expected = step;
          steps.add(
              (first, count, who) -> {
                for (int row = first; row < first + count; row++) {
                  assertThat(done.getAndIncrement(row)).isEqualTo(expected);
                }
              });
        }
        steps.run();
        for (int row = 0; row < rows; row++) {
          assertThat(done.get(row)).isEqualTo(3);
        }
        steps.run();
        assertThat(done.get(0)).as("nothing waits any more").isEqualTo(3);
      }
    }
  }

  @Test
  void fewRowsStayTogetherAndThreadsShareTheirProducts() {
    try (Workers workers = Workers.of(3)) {
      RowSteps steps = new RowSteps(workers, 5);
      steps.add(
          (first, count, who) -> {
            assertThat(first).isZero();
            assertThat(count).isEqualTo(5);
            assertThat(who).isSameAs(workers);
          });
      steps.run();
    }
  }
}
