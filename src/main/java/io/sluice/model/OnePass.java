package io.sluice.model;

import java.util.concurrent.atomic.AtomicReference;

/**
 * Allows one forward pass of a model at a time. A second pass would overwrite data that the first
 * still needs: rows that several layers share, tables of positions, kept keys and values.
 */
public final class OnePass implements AutoCloseable {
  private final AtomicReference<Thread> running = new AtomicReference<>();

  /**
   * Begins a pass, which ends when the result is closed.
   *
   * @throws IllegalStateException if one is running: in another thread, or in this one, so that a
   *     hook has called
   */
  public OnePass begin() {
    Thread caller = Thread.currentThread();
    Thread other = running.compareAndExchange(null, caller);
    if (other == caller) {
      throw new IllegalStateException(
          "a hook cannot run the model in whose forward pass it is called; run it before or after"
              + " that pass, or open the model a second time");
    }
    if (other != null) {
      throw new IllegalStateException(
          "the model is running in the thread '"
              + other.getName()
              + "', and one thread at a time may use it; open it once for each");
    }
    return this;
  }

  @Override
  public void close() {
    running.set(null);
  }
}
