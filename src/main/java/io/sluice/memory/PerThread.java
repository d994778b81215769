package io.sluice.memory;

import java.lang.ref.WeakReference;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;

/**
 * Scratch memory of an object, one for each thread that works for it, which goes when the object
 * does. A {@link ThreadLocal} alone keeps what threads that live on were given until it happens to
 * look for leftovers, and native memory that it keeps is none that a collection could free.
 */
public final class PerThread<T> {
  private final ThreadLocal<WeakReference<T>> own = new ThreadLocal<>();
  private final Queue<T> kept = new ConcurrentLinkedQueue<>();
  private final Supplier<T> maker;

  /**
   * @param maker makes what belongs to one thread
   */
  public PerThread(Supplier<T> maker) {
    this.maker = maker;
  }

  /** What belongs to this thread, made at its first call. */
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
