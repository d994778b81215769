package io.sluice.edges;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Memory of every kind for the arguments of one call: alive, freed, of another thread, read-only,
 * too small, misaligned, on the heap; and shared memory that another thread tries to free all the
 * while.
 */
final class Memories implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static MemorySegment ofAnotherThread;

  /** What the closing thread closes now. */
  private static volatile Memories closing;

  private static final Thread CLOSER = new Thread(Memories::closeAgainAndAgain, "closer");

  private final Arena shared = Arena.ofShared();
  private final Arena confined = Arena.ofConfined();
  private final List<MemorySegment> given = new ArrayList<>();

  /** Starts the threads that others' memory needs; once. */
  static void start() throws InterruptedException {
    CLOSER.setDaemon(true);
    CLOSER.start();
    Thread thread =
        new Thread(() -> ofAnotherThread = Arena.ofConfined().allocate(1 << 16, 64), "another");
    thread.start();
    thread.join();
  }

  private static void closeAgainAndAgain() {
    while (true) {
      Memories memories = closing;
      if (memories == null) {
        LockSupport.park();
      } else {
        memories.tryClose();
        Thread.onSpinWait();
      }
    }
  }

  static float get(MemorySegment memory, long index) {
    return memory.get(FLOAT, index * Float.BYTES);
  }

  static void set(MemorySegment memory, long index, float value) {
    memory.set(FLOAT, index * Float.BYTES, value);
  }

  /** From here on another thread tries to free what is shared. */
  void race() {
    closing = this;
    LockSupport.unpark(CLOSER);
  }

  void tryClose() {
    try {
      shared.close();
    } catch (IllegalStateException e) {
      // In use, or closed.
    }
  }

  MemorySegment segment(Arguments arguments) {
    if (!given.isEmpty() && arguments.chance(25)) {
      return given.get(arguments.random.nextInt(given.size()));
    }
    MemorySegment memory = made(arguments);
    given.add(memory);
    return memory;
  }

  private MemorySegment made(Arguments arguments) {
    int values = arguments.length();
    return switch (arguments.random.nextInt(20)) {
      case 0 -> MemorySegment.NULL;
      case 1 -> MemorySegment.ofArray(new float[values]);
      case 2 -> MemorySegment.ofArray(new byte[4 * values + 3]).asSlice(3);
      case 3 -> freed(values);
      case 4 -> ofAnotherThread;
      case 5 -> floats(arguments, values).asReadOnly();
      case 6 -> GuardedMemory.allocate(shared, 4L * values, new byte[0], true);
      case 7 -> floats(arguments, values + 1).asSlice(1 + arguments.random.nextInt(3));
      case 8 -> Arena.ofAuto().allocate(4L * values, 4);
      default -> floats(arguments, values);
    };
  }

  private static MemorySegment freed(int values) {
    try (Arena arena = Arena.ofShared()) {
      return GuardedMemory.allocate(arena, 4L * values, new byte[0], false);
    }
  }

  /** So many values, in memory that is shared or confined to this thread. */
  MemorySegment floats(Arguments arguments, int values) {
    float[] some = new float[16];
    byte[] fill = new byte[some.length * Float.BYTES];
    if (arguments.chance(90)) {
      for (int i = 0; i < some.length; i++) {
        some[i] = (float) arguments.real();
      }
      MemorySegment.copy(some, 0, MemorySegment.ofArray(fill), FLOAT, 0, some.length);
    } else {
      arguments.random.nextBytes(fill);
    }
    try {
      Arena arena = arguments.chance(80) ? shared : confined;
      return GuardedMemory.allocate(arena, 4L * values, fill, false);
    } catch (IllegalStateException e) {
      // Closed already.
      return GuardedMemory.allocate(confined, 4L * values, fill, false);
    }
  }

  Arena arena(Arguments arguments) {
    return switch (arguments.random.nextInt(9)) {
      case 0 -> closed();
      case 1 -> giving(arguments, MemorySegment.NULL);
      case 2 -> giving(arguments, null);
      case 3 -> giving(arguments, segment(arguments));
      case 4, 5 -> Arena.ofAuto();
      case 6 -> confined;
      default -> shared;
    };
  }

  private static Arena closed() {
    Arena arena = Arena.ofShared();
    arena.close();
    return arena;
  }

  /** An arena of a caller's own making, which does not give what it is asked for. */
  private Arena giving(Arguments arguments, MemorySegment memory) {
    MemorySegment.Scope scope = (arguments.chance(50) ? shared : confined).scope();
    return new Arena() {
      @Override
      public MemorySegment allocate(long bytes, long alignment) {
        return memory;
      }

      @Override
      public MemorySegment.Scope scope() {
        return scope;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() {
    closing = null;
    while (shared.scope().isAlive()) {
      tryClose();
    }
    confined.close();
  }
}
