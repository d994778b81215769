package io.sluice.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ScratchArraysTest {
  @Test
  void anArrayThatIsLongEnoughIsUsedAgain() {
    float[] floats = {1, 2, 3};
    int[] ints = {1, 2, 3};
    double[] doubles = {1, 2, 3};

    assertThat(ScratchArrays.atLeast(floats, 3)).isSameAs(floats);
    assertThat(ScratchArrays.atLeast(ints, 2)).isSameAs(ints);
    assertThat(ScratchArrays.atLeast(doubles, 0)).isSameAs(doubles);
    assertThat(ScratchArrays.extended(floats, 3)).isSameAs(floats);
    assertThat(ScratchArrays.extended(ints, 1)).isSameAs(ints);
  }

  @Test
  void aShorterOneIsReplacedByZerosOrExtendedByThem() {
    assertThat(ScratchArrays.atLeast(new float[] {1, 2}, 3)).containsExactly(0, 0, 0);
    assertThat(ScratchArrays.atLeast(new int[] {1, 2}, 3)).containsExactly(0, 0, 0);
    assertThat(ScratchArrays.atLeast(new double[] {1, 2}, 3)).containsExactly(0, 0, 0);
    assertThat(ScratchArrays.extended(new float[] {1, 2}, 3)).containsExactly(1, 2, 0);
    assertThat(ScratchArrays.extended(new int[] {1, 2}, 3)).containsExactly(1, 2, 0);
  }
}
