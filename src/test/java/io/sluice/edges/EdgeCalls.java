package io.sluice.edges;

import io.sluice.torch.TensorScope;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Calls public methods of a package, and of those within it, with odd arguments: a process of its
 * own, since what is looked for ends it. Each call depends on the seed and its number alone, but
 * for when another thread frees memory.
 *
 * <p>Arguments: package, seed, the first call's number, one past the last's, file for the last
 * call.
 */
public final class EdgeCalls {
  /** Longer than any honest call takes. */
  private static final long HANGS_AFTER = 20_000_000_000L;

  private static final int HANGS = 3;
  private static final int WRONG = 4;

  /** What is left out, and why. */
  private static final Map<String, String> LEFT_OUT =
      Map.of(
          "Torch.threads", "sets the threads of all calls that follow",
          "TensorScope.open", "a scope that stays open takes the tensors of all that follow",
          "TileWork.run", "works as long as it is asked to",
          "Workers.of", "starts as many threads as it is asked for",
          "HugeMemory.allocate", "gives as much as it is asked for, and a global arena keeps it",
          "GrowingMemory.of", "gives as much as it is asked for",
          "GrowingMemory.ofBytes", "gives as much as it is asked for",
          "GrowingMemory.extended", "gives as much as it is asked for",
          "Panels.allocate", "gives as much as it is asked for");

  private static volatile long began;
  private static volatile boolean over;

  private EdgeCalls() {}

  /** Runs the calls. */
  public static void main(String[] args) throws Exception {
    String name = args[0];
    long seed = Long.parseLong(args[1]);
    long first = Long.parseLong(args[2]);
    long end = Long.parseLong(args[3]);
    CallLog log = new CallLog(Path.of(args[4]));
    List<Executable> all = publicEntries(name);
    List<Executable> makers = all.stream().filter(EdgeCalls::makes).toList();
    watch();
    Memories.start();
    Map<String, Integer> outcomes = new TreeMap<>();
    for (long i = first; i < end; i++) {
      Random random = new Random(seed * 1_000_003 + i);
      Executable executable = all.get(random.nextInt(all.size()));
      try (Memories memories = new Memories();
          TensorScope scope = name.endsWith("torch") ? TensorScope.open() : null) {
        began = System.nanoTime();
        Object result = call(new Arguments(random, makers, memories), executable, i, log);
        outcomes.merge(outcome(result), 1, Integer::sum);
        if (result instanceof Error error && !(error instanceof OutOfMemoryError)) {
          error.printStackTrace();
          over = true;
          System.exit(WRONG);
        }
      }
    }
    over = true;
    System.out.println(name + ": " + outcomes);
    System.exit(0);
  }

  private static Object call(Arguments arguments, Executable executable, long number, CallLog log) {
    log.write("call " + number + ": preparing " + executable);
    if (arguments.chance(10)) {
      arguments.memories().race();
    }
    Object target = null;
    Object[] given;
    try {
      if (!Arguments.isStatic(executable)) {
        target = arguments.of(executable.getDeclaringClass());
        if (target == null) {
          return "no object";
        }
      }
      given = arguments.arguments(executable);
    } catch (RuntimeException e) {
      return e;
    }
    log.write("call " + number + ": " + executable + " of " + shown(target) + shown(given));
    return Arguments.invoke(executable, target, given);
  }

  private static String shown(Object value) {
    try {
      return Shown.of(value);
    } catch (RuntimeException e) {
      return "what cannot be shown: " + e;
    }
  }

  private static String outcome(Object result) {
    return result instanceof Throwable thrown
        ? thrown.getClass().getSimpleName()
        : result instanceof String text && text.startsWith("no ") ? text : "returned";
  }

  /** Ends the process when a call takes too long. */
  private static void watch() {
    began = System.nanoTime();
    Thread thread =
        new Thread(
            () -> {
              while (!over) {
                java.util.concurrent.locks.LockSupport.parkNanos(200_000_000L);
                if (!over && System.nanoTime() - began > HANGS_AFTER) {
                  System.out.println("a call that hangs");
                  Thread.getAllStackTraces()
                      .forEach((t, trace) -> System.out.println(t + " " + Arrays.toString(trace)));
                  Runtime.getRuntime().halt(HANGS);
                }
              }
            },
            "watchdog");
    thread.setDaemon(true);
    thread.start();
  }

  private static boolean makes(Executable executable) {
    return Arguments.isStatic(executable)
        && !(executable instanceof Method method
            && (method.getReturnType().isPrimitive() || method.getReturnType().isArray()));
  }

  /** Public constructors and methods of the public classes of a package, in a fixed order. */
  static List<Executable> publicEntries(String name) throws IOException, URISyntaxException {
    List<Executable> entries = new ArrayList<>();
    for (Class<?> type : classes(name)) {
      if (!isPublic(type)) {
        continue;
      }
      List<Executable> own = new ArrayList<>(List.of(type.getConstructors()));
      own.addAll(List.of(type.getDeclaredMethods()));
      for (Executable executable : own) {
        if (Modifier.isPublic(executable.getModifiers())
            && !executable.isSynthetic()
            && !LEFT_OUT.containsKey(type.getSimpleName() + "." + executable.getName())) {
          entries.add(executable);
        }
      }
    }
    entries.sort(Comparator.comparing(Executable::toString));
    return entries;
  }

  private static boolean isPublic(Class<?> type) {
    return Modifier.isPublic(type.getModifiers())
        && (type.getDeclaringClass() == null || isPublic(type.getDeclaringClass()));
  }

  private static List<Class<?>> classes(String name) throws IOException, URISyntaxException {
    Path root =
        Path.of(
            io.sluice.memory.Workers.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
    List<Class<?>> classes = new ArrayList<>();
    try (Stream<Path> files = Files.walk(root.resolve(name.replace('.', File.separatorChar)))) {
      for (Path file : files.sorted().toList()) {
        String path = root.relativize(file).toString();
        if (path.endsWith(".class") && !path.endsWith("package-info.class")) {
          try {
            String binary =
                path.substring(0, path.length() - ".class".length())
                    .replace(File.separatorChar, '.');
            classes.add(Class.forName(binary, false, EdgeCalls.class.getClassLoader()));
          } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
          }
        }
      }
    }
    return classes;
  }
}
