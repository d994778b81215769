package io.sluice.cli.console;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Handles Ctrl-C and other signals that end the process during work that can be saved: the process
 * waits until the work has stopped and is closed. The exit status is then that of the JVM, 130
 * after SIGINT and 143 after SIGTERM.
 */
public final class StopSignal implements AutoCloseable {
  /** Steps and checkpoints are done well within this. */
  private static final long MOST_SECONDS = 120;

  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::await, "sluice-stop");
  private volatile boolean arrived;

  private StopSignal() {}

  /** Begins to listen. */
  public static StopSignal listen() {
    StopSignal signal = new StopSignal();
    Runtime.getRuntime().addShutdownHook(signal.hook);
    return signal;
  }

  private void await() {
    arrived = true;
    try {
      ended.await(MOST_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the process is to end. */
  public boolean hasArrived() {
    return arrived;
  }

  @Override
  public void close() {
    if (!arrived) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The signal is arriving now; the process then ends.
      }
    }
    ended.countDown();
  }
}
