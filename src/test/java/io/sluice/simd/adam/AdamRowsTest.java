package io.sluice.simd.adam;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class AdamRowsTest {
  private static final AdamRows.Factors FACTORS =
      new AdamRows.Factors(0.1f, 1e-3f, 0.01f, 1.5f, 1e-8f, 1);

  @Test
  void refusesRowsThatAreNotThereAndShortGradients() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment two = arena.allocate(2 * 40 * 4L, 64);
      AdamRows rows = new AdamRows(two, two, two, 2, 40);
      AdamRows.during(
          session -> {
            session.step(0, 1, null, 0.9f, 0.999f, FACTORS);
            for (int row : new int[] {2, -1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
              assertThatThrownBy(() -> session.step(0, row, null, 0.9f, 0.999f, FACTORS))
                  .isInstanceOf(IndexOutOfBoundsException.class);
            }
            assertThatThrownBy(() -> session.step(1, 0, null, 0.9f, 0.999f, FACTORS))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> session.step(0, 0, new float[39], 0.9f, 0.999f, FACTORS))
                .isInstanceOf(IndexOutOfBoundsException.class);
          },
          rows);
    }
  }

  @Test
  void refusesMemoryThatIsSmallReadOnlyOrOnTheHeap() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment two = arena.allocate(2 * 40 * 4L, 64);
      assertThatThrownBy(() -> new AdamRows(two, two.asSlice(0, 40 * 4L), two, 2, 40))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> new AdamRows(two, two, two, Integer.MAX_VALUE, Integer.MAX_VALUE))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> new AdamRows(two, two, two.asReadOnly(), 2, 40))
          .isInstanceOf(IllegalArgumentException.class);
      MemorySegment heap = MemorySegment.ofArray(new float[80]);
      assertThatThrownBy(() -> new AdamRows(heap, two, two, 2, 40))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void momentsInBfloat16NeedHalfTheMemoryAndOtherTypesAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment whole = arena.allocate(2 * 40 * 4L, 64);
      MemorySegment half = arena.allocate(2 * 40 * 2L, 64);
      AdamRows rows = new AdamRows(whole, half, half, 2, 40, DType.BF16, 0);
      AdamRows.during(
          session -> {
            session.step(0, 1, null, 0.9f, 0.999f, FACTORS);
            assertThatThrownBy(() -> session.step(0, 2, null, 0.9f, 0.999f, FACTORS))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> session.step(0, 0, new float[39], 0.9f, 0.999f, FACTORS))
                .isInstanceOf(IndexOutOfBoundsException.class);
          },
          rows);
      assertThatThrownBy(() -> new AdamRows(whole, half, half.asSlice(2), 2, 40, DType.BF16, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> new AdamRows(half, half, half, 2, 40, DType.BF16, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> new AdamRows(whole, whole, whole, 2, 40, DType.F16, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("float16");
    }
  }

  @Test
  void aSessionIsOfOneThreadAndEndsAndKeepsMemoryAlive() throws Exception {
    AtomicReference<AdamRows.Session> kept = new AtomicReference<>();
    AtomicReference<Throwable> elsewhere = new AtomicReference<>();
    Arena arena = Arena.ofShared();
    MemorySegment two = arena.allocate(2 * 40 * 4L, 64);
    AdamRows rows = new AdamRows(two, two, two, 2, 40);
    AdamRows.during(
        session -> {
          kept.set(session);
          assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
          Thread other =
              new Thread(
                  () -> {
                    try {
                      session.step(0, 0, null, 0.9f, 0.999f, FACTORS);
                    } catch (IllegalStateException e) {
                      elsewhere.set(e);
                    }
                  });
          other.start();
          try {
            other.join();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        },
        rows);
    assertThatThrownBy(() -> kept.get().step(0, 0, null, 0.9f, 0.999f, FACTORS))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(
            () -> {
              throw elsewhere.get();
            })
        .isInstanceOf(IllegalStateException.class);
    arena.close();
    assertThatThrownBy(() -> AdamRows.during(session -> {}, rows))
        .isInstanceOf(IllegalStateException.class);
  }
}
