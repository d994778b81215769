package io.sluice.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class ScratchArraysTest {
  @Test
  void keepsAnArrayThatIsLongEnough() {
    float[] floats = {1, 2, 3};
    int[] ints = {1, 2, 3};
    assertThat(ScratchArrays.atLeast(floats, 3)).isSameAs(floats);
    assertThat(ScratchArrays.atLeast(floats, 0)).isSameAs(floats);
    assertThat(ScratchArrays.extended(ints, 3)).isSameAs(ints);
  }

  @Test
  void scratchIsAsLongAsAskedAndHoldsZeros() {
    assertThat(ScratchArrays.atLeast(new float[] {1}, 5)).containsExactly(0, 0, 0, 0, 0);
    assertThat(ScratchArrays.atLeast(new double[] {1}, 2)).containsExactly(0, 0);
    assertThat(ScratchArrays.atLeast(new int[] {1}, 2)).containsExactly(0, 0);
    assertThat(ScratchArrays.atLeast(new long[] {1}, 2)).containsExactly(0, 0);
  }

  @Test
  void anExtendedArrayKeepsItsValuesAndAtLeastDoubles() {
    assertThat(ScratchArrays.extended(new int[] {7, 8, 9}, 4)).containsExactly(7, 8, 9, 0, 0, 0);
    assertThat(ScratchArrays.extended(new long[] {7}, 5)).containsExactly(7, 0, 0, 0, 0);
    assertThat(ScratchArrays.extended(new float[0], 1)).containsExactly(0);
    assertThat(ScratchArrays.extended(new byte[] {7}, 2)).containsExactly(7, 0);
  }

  @Test
  void aSizeThatOverflowedIsRefused() {
    assertThatThrownBy(() -> ScratchArrays.extended(new int[1], Integer.MIN_VALUE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("an array of -2147483648 values");
    assertThatThrownBy(() -> ScratchArrays.atLeast(new float[1], -1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void memoryIsTheSameUntilMoreIsAskedFor() {
    GrowingMemory memory = new GrowingMemory();
    MemorySegment first = memory.of(4, 4);
    first.setAtIndex(ValueLayout.JAVA_FLOAT, 15, 1);
    assertThat(first.byteSize()).isEqualTo(64);
    assertThat(first.address() % 64).isZero();
    assertThat(memory.of(2, 4).address()).isEqualTo(first.address());
    assertThat(memory.ofBytes(64).getAtIndex(ValueLayout.JAVA_FLOAT, 15)).isEqualTo(1);
    assertThat(memory.ofBytes(65).byteSize()).isEqualTo(65);
    assertThat(first.getAtIndex(ValueLayout.JAVA_FLOAT, 15)).isEqualTo(1);
  }

  @Test
  void memoryOfAnArenaGoesWithIt() {
    Arena arena = Arena.ofShared();
    MemorySegment given = new GrowingMemory(arena).of(4, 4);
    arena.close();
    assertThat(given.scope().isAlive()).isFalse();
  }

  @Test
  void memoryOfAnOddSizeIsRefusedWithItsNumbers() {
    assertThatThrownBy(() -> new GrowingMemory().of(-1, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("memory of -1 rows of 4 values");
    assertThatThrownBy(() -> new GrowingMemory().of(Long.MAX_VALUE / 8, 4))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new GrowingMemory().ofBytes(-1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
