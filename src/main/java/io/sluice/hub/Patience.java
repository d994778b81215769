package io.sluice.hub;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;

/**
 * Waits before something is tried again: as long as the server asks, otherwise 1 s, 2 s, 4 s and so
 * on. After five tries in a row without progress it gives up.
 */
final class Patience {
  private static final int MOST = 5;
  private static final Duration LONGEST = Duration.ofMinutes(10);

  private final Pause pause;
  private final FetchListener listener;
  private int failures;

  /** Lets time pass. */
  @FunctionalInterface
  interface Pause {
    /** Sleeps as long as it is told. */
    Pause SLEEP = Thread::sleep;

    void take(Duration time) throws InterruptedException;

    /** As {@link #take}; an interrupt is an error of reading. */
    default void orFail(Duration time) throws InterruptedIOException {
      try {
        take(time);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while files were fetched");
      }
    }
  }

  /** Work that may be tried again. */
  @FunctionalInterface
  interface Work<T> {
    T run() throws IOException;
  }

  Patience(Pause pause, FetchListener listener) {
    this.pause = pause;
    this.listener = listener;
  }

  /** Notes that something arrived since the last failure. */
  void progressed() {
    failures = 0;
  }

  /**
   * Waits after a failure.
   *
   * @throws IOException the failure, if it is one too many or the server asks to wait for long
   */
  void after(TransientException failure) throws IOException {
    Duration time = failure.asked() != null ? failure.asked() : Duration.ofSeconds(1L << failures);
    if (++failures > MOST || time.compareTo(LONGEST) > 0) {
      throw failure;
    }
    listener.pause(failure.getMessage() + "; tries again in " + time.toSeconds() + " s");
    pause.orFail(time);
  }

  /**
   * Does work until it succeeds.
   *
   * @throws UnreachableException at once if there is no connection
   * @throws IOException if it fails in another way, or too often
   */
  <T> T until(Work<T> work) throws IOException {
    while (true) {
      try {
        return work.run();
      } catch (UnreachableException e) {
        throw e;
      } catch (TransientException e) {
        after(e);
      }
    }
  }
}
