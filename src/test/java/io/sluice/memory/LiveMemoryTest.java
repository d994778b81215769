package io.sluice.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class LiveMemoryTest {
  @Test
  void refusesToFreeWhatIsHeldAndAllowsItAfterwards() {
    List<Arena> arenas = new ArrayList<>();
    List<MemorySegment> memory = new ArrayList<>();
    for (int i = 0; i < 15; i++) {
      Arena arena = i % 3 == 0 ? Arena.ofConfined() : Arena.ofShared();
      arenas.add(arena);
      memory.add(arena.allocate(8));
    }
    memory.add(Arena.ofAuto().allocate(8));
    memory.add(Arena.global().allocate(8));
    AtomicInteger refused = new AtomicInteger();
    LiveMemory.during(
        () -> {
          for (Arena arena : arenas) {
            assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
            refused.incrementAndGet();
          }
        },
        memory.toArray(MemorySegment[]::new));
    assertThat(refused).hasValue(15);
    arenas.forEach(Arena::close);
    assertThat(memory.get(0).scope().isAlive()).isFalse();
  }

  @Test
  void refusesWhatWasFreedWhatIsConfinedElsewhereAndTheHeap() throws Exception {
    AtomicInteger ran = new AtomicInteger();
    try (Arena confined = Arena.ofConfined()) {
      MemorySegment own = confined.allocate(8);
      Arena shared = Arena.ofShared();
      MemorySegment freed = shared.allocate(8);
      shared.close();
      assertThatThrownBy(() -> LiveMemory.during(ran::incrementAndGet, own, freed))
          .isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(
              () -> LiveMemory.during(ran::incrementAndGet, MemorySegment.ofArray(new long[1])))
          .isInstanceOf(IllegalArgumentException.class);
      Throwable[] thrown = new Throwable[1];
      Thread other =
          new Thread(
              () -> {
                try {
                  LiveMemory.during(ran::incrementAndGet, own);
                } catch (WrongThreadException e) {
                  thrown[0] = e;
                }
              });
      other.start();
      other.join();
      assertThat(thrown[0]).isInstanceOf(WrongThreadException.class);
    }
    assertThat(ran).hasValue(0);
  }

  @Test
  void throwsWhatTheWorkThrowsAlsoFromInside() {
    try (Arena arena = Arena.ofShared();
        Arena other = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(8);
      MemorySegment more = other.allocate(8);
      assertThatThrownBy(
              () ->
                  LiveMemory.during(
                      () -> {
                        assertThatThrownBy(
                                () ->
                                    LiveMemory.during(
                                        () -> {
                                          throw new ArithmeticException("inner");
                                        },
                                        more))
                            .hasMessage("inner");
                        throw new ArithmeticException("outer");
                      },
                      memory))
          .isInstanceOf(ArithmeticException.class)
          .hasMessage("outer");
    }
  }

  @Test
  void workThatCatchesWhatInnerWorkWasRefusedForGoesOn() {
    Arena gone = Arena.ofShared();
    MemorySegment freed = gone.allocate(8);
    gone.close();
    AtomicInteger done = new AtomicInteger();
    try (Arena arena = Arena.ofShared()) {
      LiveMemory.during(
          () -> {
            assertThatThrownBy(() -> LiveMemory.during(() -> {}, freed))
                .isInstanceOf(IllegalStateException.class);
            done.incrementAndGet();
          },
          arena.allocate(8));
    }
    assertThat(done).hasValue(1);
  }

  /** What is thrown between the native function and the work would end the JVM. */
  @Tag("slow")
  @Test
  void aStackThatOverflowsAtAnyDepthIsAnErrorLikeAnyOther() throws InterruptedException {
    AtomicInteger overflows = new AtomicInteger();
    Thread thread =
        new Thread(
            null,
            () -> {
              try (Arena arena = Arena.ofShared()) {
                MemorySegment memory = arena.allocate(8);
                for (int step = 0; step < 300; step++) {
                  try {
                    descend(memory, step % 7, step);
                  } catch (StackOverflowError e) {
                    overflows.incrementAndGet();
                  }
                }
              }
            },
            "small stack",
            400 << 10);
    thread.start();
    thread.join();
    assertThat(overflows).hasValue(300);
  }

  private static void descend(MemorySegment memory, int padding, int count) {
    if (padding > 0) {
      descend(memory, padding - 1, count);
    } else {
      LiveMemory.during(() -> {}, memory);
      descend(memory, count % 5, count + 1);
    }
  }
}
