package io.sluice.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
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
    assertThat(ScratchArrays.extended(new String[] {"a"}, 2)).containsExactly("a", null);
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
  void ownedMemoryIsFreedWhenItIsReplacedAndWhenItIsClosed() {
    GrowingMemory memory = GrowingMemory.owned();
    MemorySegment first = memory.of(4, 4);
    assertThat(memory.of(3, 4).address()).isEqualTo(first.address());
    assertThat(first.scope().isAlive()).isTrue();
    MemorySegment second = memory.of(5, 4);
    assertThat(first.scope().isAlive()).isFalse();
    assertThat(second.address() % 64).isZero();
    memory.close();
    memory.close();
    assertThat(second.scope().isAlive()).isFalse();
    assertThatThrownBy(() -> memory.of(1, 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void noBytesAreMemoryToo() {
    try (GrowingMemory memory = GrowingMemory.owned()) {
      assertThat(memory.of(0, 4).byteSize()).isZero();
      assertThat(memory.of(0, 4).address()).isNotZero();
    }
  }

  @Test
  void hugeMemoryHoldsZerosAndIsTheSameUntilMoreIsAskedFor() {
    GrowingMemory memory = GrowingMemory.huge();
    MemorySegment first = memory.ofBytes(3 << 20);
    assertThat(first.get(ValueLayout.JAVA_BYTE, (3 << 20) - 1)).isZero();
    assertThat(memory.ofBytes(64).address()).isEqualTo(first.address());
    assertThat(memory.ofBytes(4 << 20).byteSize()).isEqualTo(4 << 20);
  }

  @Test
  void extendedMemoryBeginsWithWhatItHeld() {
    for (GrowingMemory memory : List.of(new GrowingMemory(), GrowingMemory.owned())) {
      MemorySegment first = memory.extended(64, 0);
      first.fill((byte) 7);
      assertThat(memory.extended(32, 32).address()).isEqualTo(first.address());
      MemorySegment larger = memory.extended(100, 50);
      assertThat(larger.byteSize()).isEqualTo(100);
      assertThat(larger.get(ValueLayout.JAVA_BYTE, 49)).isEqualTo((byte) 7);
      assertThat(larger.get(ValueLayout.JAVA_BYTE, 50)).isZero();
      assertThatThrownBy(() -> memory.extended(200, 101))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("memory of 200 bytes cannot keep 101 of 100");
      memory.close();
    }
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
