package io.sluice.memory;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.Reference;

/**
 * Keeps memory from being freed while Java code reads or writes it by address. A thread that closes
 * its arena meanwhile gets an {@link IllegalStateException}, as during a native call.
 *
 * <p>Java keeps an arena open only while one of its segments is an argument of a native call. So
 * this class calls a native function that calls back, the C library's {@code bsearch} with one
 * element, whose comparison is the work to do. Pointers after those that it declares are passed on
 * the stack or in registers that it does not look at. A call takes about 0.3 µs, so it belongs
 * around a whole product, not inside a loop.
 *
 * <p>Memory that no call can free, of automatic and global arenas, needs no such call and is only
 * kept reachable.
 */
public final class LiveMemory {
  /** Segments that one call holds. */
  private static final int MOST = 6;

  /** Frames that are tried before the native call; they are deeper than what it needs. */
  private static final int PROBED_FRAMES = 100;

  private static final ThreadLocal<LiveMemory> OF_THREAD = ThreadLocal.withInitial(LiveMemory::new);

  /** Stands until the work begins. */
  private static final StackOverflowError NOT_DONE = new StackOverflowError();

  private Runnable body;
  private Throwable thrown;

  private LiveMemory() {}

  /**
   * Does work while none of the memory can be freed.
   *
   * @param body may be run inside another call of this; what it throws is thrown here
   * @param memory native segments; the same may occur several times
   * @throws IllegalStateException if some of it was freed already
   * @throws WrongThreadException if some is confined to another thread
   * @throws IllegalArgumentException if some is on the heap
   */
  public static void during(Runnable body, MemorySegment... memory) {
    MemorySegment[] held = new MemorySegment[memory.length];
    int count = 0;
    for (MemorySegment segment : memory) {
      if (!segment.isNative()) {
        throw new IllegalArgumentException("memory must be native, not on the heap");
      }
      if (mayBeFreed(segment) && !isAmong(segment.scope(), held, count)) {
        held[count++] = segment;
      }
    }
    hold(body, held, 0, count);
    Reference.reachabilityFence(memory);
  }

  private static boolean isAmong(MemorySegment.Scope scope, MemorySegment[] held, int count) {
    for (int i = 0; i < count; i++) {
      if (held[i].scope().equals(scope)) {
        return true;
      }
    }
    return false;
  }

  private static boolean mayBeFreed(MemorySegment segment) {
    Class<?> kind = segment.scope().getClass();
    return kind != Kinds.AUTOMATIC && kind != Kinds.GLOBAL;
  }

  private static void hold(Runnable body, MemorySegment[] held, int from, int count) {
    if (from >= count) {
      body.run();
    } else if (count - from > MOST) {
      call(() -> hold(body, held, from + MOST, count), held, from, from + MOST);
    } else {
      call(body, held, from, count);
    }
  }

  private static void call(Runnable body, MemorySegment[] held, int from, int to) {
    // An exception that is thrown on entering Java, before a frame can catch it, ends the JVM.
    probe(PROBED_FRAMES, 1, 2, 3, 4);
    LiveMemory own = OF_THREAD.get();
    Runnable outer = own.body;
    own.body = body;
    own.thrown = NOT_DONE;
    try {
      Native.BSEARCH.invokeExact(
          at(held, from, to),
          at(held, from + 1, to),
          1L,
          1L,
          Native.WORK,
          at(held, from + 2, to),
          at(held, from + 3, to),
          at(held, from + 4, to),
          at(held, from + 5, to));
    } catch (RuntimeException | Error e) {
      own.thrown = null; // Work outside of this may catch it and go on.
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("memory could not be kept open", e);
    } finally {
      own.body = outer;
    }
    Throwable thrown = own.thrown;
    if (thrown != null) {
      own.thrown = null;
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
      throw new IllegalStateException(thrown);
    }
  }

  private static MemorySegment at(MemorySegment[] held, int index, int end) {
    return index < end ? held[index] : MemorySegment.NULL;
  }

  /** Uses up some of the stack; its arguments are needed afterwards, so that each has a place. */
  private static long probe(int frames, long a, long b, long c, long d) {
    if (frames == 0) {
      return a;
    }
    return probe(frames - 1, b + 1, c + 1, d + 1, a + 1) + (a ^ b * 3 ^ c * 5 ^ d * 7);
  }

  /** The comparison that {@code bsearch} calls: does the work, and returns that both are equal. */
  @SuppressWarnings("unused")
  private static int work(long key, long element) {
    LiveMemory own = null;
    try {
      own = OF_THREAD.get();
      own.thrown = null;
      own.body.run();
    } catch (Throwable e) {
      if (own != null) {
        own.thrown = e;
      }
    }
    return 0;
  }

  /** Of segments that nobody can free, what class the scope has, if no other has the same. */
  private static final class Kinds {
    static final Class<?> GLOBAL;
    static final Class<?> AUTOMATIC;

    static {
      try (Arena confined = Arena.ofConfined();
          Arena shared = Arena.ofShared()) {
        Class<?> one = confined.scope().getClass();
        Class<?> other = shared.scope().getClass();
        GLOBAL = unless(Arena.global().scope().getClass(), one, other);
        AUTOMATIC = unless(Arena.ofAuto().scope().getClass(), one, other);
      }
    }

    private static Class<?> unless(Class<?> kind, Class<?> one, Class<?> other) {
      return kind == one || kind == other ? null : kind;
    }
  }

  /** A class of its own: native access is asked for only where memory must be held. */
  private static final class Native {
    static final MethodHandle BSEARCH;
    static final MemorySegment WORK;

    static {
      try {
        Linker linker = Linker.nativeLinker();
        BSEARCH =
            linker.downcallHandle(
                linker.defaultLookup().find("bsearch").orElseThrow(),
                FunctionDescriptor.ofVoid(
                    ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
                    ADDRESS));
        WORK =
            linker.upcallStub(
                MethodHandles.lookup()
                    .findStatic(
                        LiveMemory.class,
                        "work",
                        MethodType.methodType(int.class, long.class, long.class)),
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG),
                Arena.global());
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }
  }
}
