package io.sluice.store;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Writes one shard at a time while the caller fills the next. */
final class DiskThread implements AutoCloseable {
  private final ExecutorService thread;
  private Future<?> writing;

  /** Writes. */
  @FunctionalInterface
  interface Writing {
    void run() throws IOException;
  }

  /**
   * @param name name of the thread, which is a daemon
   */
  DiskThread(String name) {
    this.thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
  }

  /** Starts writing; {@link #await} makes its effects visible. */
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
