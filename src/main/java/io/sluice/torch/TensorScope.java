package io.sluice.torch;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns tensors and frees them together, as an {@link java.lang.foreign.Arena} does for memory.
 *
 * <p>The result of an operator belongs to the innermost scope that the calling thread has {@link
 * #open opened}:
 *
 * <pre>{@code
 * try (TensorScope scope = TensorScope.open()) {
 *   Tensor y = x.linear(weight, bias).relu();
 *   ...
 * } // y is freed here; using it afterwards throws IllegalStateException
 * }</pre>
 *
 * <p>Tensors that outlive a block, such as a model's weights, are {@linkplain Tensor#moveTo moved}
 * to a {@link #detached} scope. A scope may be used by several threads; an open one is closed by
 * the thread that opened it.
 */
public final class TensorScope implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TensorScope.class);
  private static final Cleaner CLEANER = Cleaner.create();
  private static final ThreadLocal<TensorScope> INNERMOST = new ThreadLocal<>();

  private final TensorScope outer;
  private final Thread thread;
  private final AtomicInteger live = new AtomicInteger();
  private final Cleaner.Cleanable leakReport;
  private Tensor newest;
  private boolean closed;

  private TensorScope(TensorScope outer, Thread thread) {
    this.outer = outer;
    this.thread = thread;
    AtomicInteger count = live;
    // Only logs: freeing from the cleaner's thread would race with running operators.
    this.leakReport =
        thread != null
            ? null
            : CLEANER.register(
                this,
                () -> {
                  if (count.get() > 0) {
                    LOG.warn(
                        "a TensorScope was dropped without close(); {} tensors leak", count.get());
                  }
                });
  }

  /** Opens a scope that owns the results of this thread's operators until it is closed. */
  public static TensorScope open() {
    TensorScope scope = new TensorScope(INNERMOST.get(), Thread.currentThread());
    INNERMOST.set(scope);
    return scope;
  }

  /** A scope that receives no results; tensors are moved to it. Any thread may close it. */
  public static TensorScope detached() {
    return new TensorScope(null, null);
  }

  /** The number of tensors that belong to this scope. */
  public int size() {
    return live.get();
  }

  /**
   * Frees every tensor of this scope. A second call does nothing.
   *
   * @throws IllegalStateException if another thread opened this scope, if a scope opened later is
   *     still open, or if another thread is using one of the tensors (the scope then stays open
   *     with the tensors not yet freed, and may be closed again)
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      if (thread != null) {
        if (thread != Thread.currentThread()) {
          throw new IllegalStateException(
              "TensorScope opened by thread "
                  + thread.getName()
                  + " cannot be closed by thread "
                  + Thread.currentThread().getName());
        }
        if (INNERMOST.get() != this) {
          throw new IllegalStateException(
              "TensorScope closed while a scope opened later is still open; close that one first");
        }
      }
    }
    for (Tensor next = newestOrClose(); next != null; next = newestOrClose()) {
      // Without the scope's lock: a tensor that closes itself takes its own first, then this one.
      if (next.isClosed()) {
        Thread.onSpinWait();
      } else {
        next.close();
      }
    }
  }

  /** The newest tensor; null if there is none, and the scope is closed then. */
  private synchronized Tensor newestOrClose() {
    if (newest == null && !closed) {
      closed = true;
      if (thread == null) {
        leakReport.clean();
      } else if (outer == null) {
        INNERMOST.remove();
      } else {
        INNERMOST.set(outer);
      }
    }
    return newest;
  }

  static TensorScope innermost() {
    TensorScope scope = INNERMOST.get();
    if (scope == null) {
      throw new IllegalStateException(
          "no TensorScope is open on thread "
              + Thread.currentThread().getName()
              + "; wrap the work in try (TensorScope scope = TensorScope.open()) { ... }");
    }
    return scope;
  }

  synchronized void add(Tensor tensor) {
    if (closed) {
      throw new IllegalStateException("TensorScope is closed");
    }
    tensor.older = newest;
    tensor.newer = null;
    if (newest != null) {
      newest.newer = tensor;
    }
    newest = tensor;
    live.incrementAndGet();
  }

  synchronized void remove(Tensor tensor) {
    if (tensor.newer == null) {
      newest = tensor.older;
    } else {
      tensor.newer.older = tensor.older;
    }
    if (tensor.older != null) {
      tensor.older.newer = tensor.newer;
    }
    tensor.older = null;
    tensor.newer = null;
    live.decrementAndGet();
  }
}
