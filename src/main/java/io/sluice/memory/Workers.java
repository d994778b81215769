package io.sluice.memory;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/**
 * A fixed number of threads that run numbered tasks. The calling thread is one of them. Any thread
 * may run a task, so a task must write only results that belong to its number; then results do not
 * depend on the number of threads.
 */
public final class Workers implements AutoCloseable {
  private final int threads;
  private final ForkJoinPool pool;

  private Workers(int threads) {
    this.threads = threads;
    this.pool = threads > 1 ? new ForkJoinPool(threads - 1) : null;
  }

  private static final class Shared {
    static final Workers ALL_CORES = new Workers(Runtime.getRuntime().availableProcessors());
  }

  /** As many threads as the machine has cores, shared by all callers; closing it does nothing. */
  public static Workers allCores() {
    return Shared.ALL_CORES;
  }

  /**
   * A group of its own.
   *
   * @param threads at least 1; 1 is only the calling thread
   */
  public static Workers of(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    return new Workers(threads);
  }

  /** Threads that work, the calling one included. */
  public int threads() {
    return threads;
  }

  /**
   * Runs {@code body} for every number in {@code [0, tasks)} and returns when all are done. What a
   * task throws is thrown here, after the others have stopped taking tasks.
   */
  public void run(int tasks, IntConsumer body) {
    int helpers = Math.min(threads, tasks) - 1;
    if (helpers <= 0) {
      for (int task = 0; task < tasks; task++) {
        body.accept(task);
      }
      return;
    }
    AtomicInteger next = new AtomicInteger();
    Runnable share =
        () -> {
          try {
            for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
              body.accept(task);
            }
          } catch (Throwable e) {
            next.set(tasks);
            throw e;
          }
        };
    ForkJoinTask<?>[] started = new ForkJoinTask<?>[helpers];
    for (int i = 0; i < helpers; i++) {
      started[i] = pool.submit(share);
    }
    Throwable failure = null;
    try {
      share.run();
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    for (ForkJoinTask<?> task : started) {
      task.quietlyJoin();
      if (failure == null && task.getException() != null) {
        failure = task.getException();
      }
    }
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  /** Lets the threads go, unless this is {@link #allCores()}. */
  @Override
  public void close() {
    if (pool != null && this != Shared.ALL_CORES) {
      pool.close();
    }
  }
}
