package io.sluice.files;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Reads or writes one piece at a time in a thread of its own, while the caller works on another.
 *
 * @param <T> what a piece gives
 */
public final class DiskThread<T> implements AutoCloseable {
  private final ExecutorService thread;
  private Future<T> pending;

  /** Reads or writes. */
  @FunctionalInterface
  public interface Piece<T> {
    T run() throws IOException;
  }

  /**
   * @param name name of the thread, which is a daemon
   */
  public DiskThread(String name) {
    this.thread =
        Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).daemon().factory());
  }

  /** Starts a piece; {@link #await} gives its result and makes its effects visible. */
  public void start(Piece<T> piece) {
    pending = thread.submit(piece::run);
  }

  /**
   * Waits until the piece is done. An interrupt does not end the wait, and is passed on after it.
   *
   * @return what the piece gave; null if none was started since the last call
   * @throws IOException what the piece threw
   */
  public T await() throws IOException {
    Future<T> piece = pending;
    pending = null;
    boolean interrupted = false;
    try {
      while (piece != null) {
        try {
          return piece.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      return null;
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new IllegalStateException(e.getCause());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Waits until the piece is done, however it ends, also where the caller is interrupted. */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    thread.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
