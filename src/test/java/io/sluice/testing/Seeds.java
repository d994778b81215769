package io.sluice.testing;

import java.lang.StackWalker.Option;
import java.lang.StackWalker.StackFrame;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The one source of the seeds of random tests. A build uses the same seed each time, so that a
 * commit that passed passes again; {@code -Dsluice.seed=new}, which {@code make fuzz} sets, draws
 * one; {@code -Dsluice.seed=N} repeats a run. {@link SeedInFailures} puts the seed into what a
 * failing test says.
 */
public final class Seeds {
  private static final String PROPERTY = "sluice.seed";
  private static final long SEED = drawn(System.getProperty(PROPERTY, "1"));

  /** The classes that have asked for the seed. */
  private static final Set<Class<?>> CLASSES = ConcurrentHashMap.newKeySet();

  private Seeds() {}

  private static long drawn(String given) {
    if (!given.equals("new")) {
      return Long.parseLong(given);
    }
    long seed = System.nanoTime();
    // A process that dies says nothing else.
    System.out.println("random tests: -D" + PROPERTY + "=" + seed);
    return seed;
  }

  /** The seed of this run. The test class that asks for it is remembered. */
  public static long seed() {
    StackWalker.getInstance(Option.RETAIN_CLASS_REFERENCE)
        .walk(frames -> frames.map(StackFrame::getDeclaringClass).toList())
        .forEach(CLASSES::add);
    return SEED;
  }

  /** Whether a test class, or one that it extends, has asked for the seed. */
  static boolean isAskedBy(Class<?> test) {
    return test != null && (CLASSES.contains(test) || isAskedBy(test.getSuperclass()));
  }

  /** The options that repeat this run's random tests. */
  static String options() {
    StringBuilder options = new StringBuilder("-D" + PROPERTY + "=" + SEED);
    for (String count : new String[] {"sluice.mutations", "sluice.calls"}) {
      if (System.getProperty(count) != null) {
        options.append(" -D").append(count).append('=').append(System.getProperty(count));
      }
    }
    return options.toString();
  }
}
