package io.sluice.store;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** One piece of writing at a time, beside the thread that makes the next. */
final class DiskThread implements AutoCloseable {
  private final ExecutorService thread;
  private Future<?> writing;

  /** Writes. */
  @FunctionalInterface
  interface Writing {
    void run() throws IOException;
  }

  /**
   * @param name of the thread, for those who look at a process; it does not keep one alive
   */
  DiskThread(String name) {
    this.thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
  }

  /** Starts a piece; what it does is seen by whoever waits for it. */
  void start(Writing piece) {
    writing =
        thread.submit(
            () -> {
              piece.run();
              return null;
            });
  }

  /**
   * Waits until the piece is done, if one was started. An interrupt does not end the wait, and is
   * passed on after it.
   *
   * @throws IOException what writing it threw
   */
  void await() throws IOException {
    Future<?> piece = writing;
    writing = null;
    boolean interrupted = false;
    while (piece != null) {
      try {
        piece.get();
        piece = null;
      } catch (InterruptedException e) {
        interrupted = true;
      } catch (ExecutionException e) {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
        switch (e.getCause()) {
          case IOException cause -> throw cause;
          case RuntimeException cause -> throw cause;
          case Error cause -> throw cause;
          default -> throw new IllegalStateException(e.getCause());
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Waits until the piece is done, however it ends. */
  @Override
  public void close() {
    thread.close();
  }
}
