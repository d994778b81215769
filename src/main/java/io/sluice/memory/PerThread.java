package io.sluice.memory;

import java.lang.ref.WeakReference;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;

/**
 * Scratch memory of an object, one for each thread that uses the object, freed with the object.
 * With a plain {@code ThreadLocal}, threads that live longer would keep the memory for an unknown
 * time after the object is gone.
 */
public final class PerThread<T> {
  private final ThreadLocal<WeakReference<T>> own = new ThreadLocal<>();
  private final Queue<T> kept = new ConcurrentLinkedQueue<>();
  private final Supplier<T> maker;

  /**
   * @param maker makes the instance of a thread
   */
  public PerThread(Supplier<T> maker) {
    this.maker = maker;
  }

  /** The instance of the calling thread, made at its first call. */
  public T get() {
    WeakReference<T> reference = own.get();
    T value = reference == null ? null : reference.get();
    if (value == null) {
      value = maker.get();
      kept.add(value);
      own.set(new WeakReference<>(value));
    }
    return value;
  }
}
