package io.sluice.engine.torch.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StagingTest {
  /** Larger than what one core copies at a time. */
  private static final int BYTES = (9 << 20) + 7;

  @Test
  void copiesMemoryThatOnlyItsOwnThreadMayRead() {
    byte[] bytes = new byte[BYTES];
    new Random(1).nextBytes(bytes);
    try (Arena confined = Arena.ofConfined();
        Arena shared = Arena.ofShared()) {
      MemorySegment to = shared.allocate(BYTES);
      for (Arena arena : new Arena[] {confined, shared}) {
        MemorySegment from = arena.allocate(BYTES);
        MemorySegment.copy(bytes, 0, from, ValueLayout.JAVA_BYTE, 0, BYTES);
        to.fill((byte) 0);
        Staging.copy(from, to, BYTES);
        assertThat(to.mismatch(MemorySegment.ofArray(bytes))).isEqualTo(-1);
      }
    }
  }
}
