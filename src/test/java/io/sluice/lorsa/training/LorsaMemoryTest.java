package io.sluice.lorsa.training;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.lorsa.engine.LorsaSpec;
import org.junit.jupiter.api.Test;

/** A Lorsa that memory cannot train is refused with how many heads would fit. */
class LorsaMemoryTest {
  private static final long GB = 1_000_000_000;

  private static LorsaSpec spec(int heads) {
    return new LorsaSpec(4096, 4096, heads, 32, 128, new float[0], 1, 0, 0, true, 64, false);
  }

  private static void require(int heads, long total) {
    LorsaMemory.require(spec(heads), 5, "this machine", total);
  }

  @Test
  void saysHowManyHeadsFit() {
    assertThatCode(() -> require(32_768, 7 * GB)).doesNotThrowAnyException();
    assertThatThrownBy(() -> require(1 << 17, 7 * GB))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "131,072 heads take 22,648 MB in training, more than the 7,000 MB that this machine"
                + " has; give fewer: up to 35,552");
    assertThatCode(() -> require(35_552, 7 * GB)).doesNotThrowAnyException();
    assertThatThrownBy(() -> require(35_552 + 64, 7 * GB)).hasMessageContaining("up to 35,552");
    assertThatThrownBy(() -> require(1024, GB)).hasMessageContaining("which is none");
  }
}
