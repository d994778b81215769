package io.sluice.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/**
 * Products of float32 matrices on a GPU's matrix units, which use the first 10 bits of each
 * element's fraction (TensorFloat-32) and sum in float32. They are several times as fast, and the
 * relative error of each product is up to {@code 2⁻⁹}.
 *
 * <p>LibTorch has one setting for the whole process. Sluice never leaves it on: {@link #during}
 * sets it for the calls of one piece of code while calls of other threads wait, so that no other
 * product changes.
 */
public final class TensorFloat32 {
  private static final ReentrantReadWriteLock LOCK = new ReentrantReadWriteLock();

  private static final class Setting {
    static final MethodHandle SET = find();

    private static MethodHandle find() {
      SymbolLookup lookup = SymbolLookup.loaderLookup();
      Linker linker = Linker.nativeLinker();
      // They are not part of the stable C ABI; both LibTorch builds export them.
      MemorySegment context = lookup.find("_ZN2at13globalContextEv").orElse(null);
      MemorySegment allow = lookup.find("_ZN2at7Context18setAllowTF32CuBLASEb").orElse(null);
      if (context == null || allow == null) {
        return null;
      }
      try {
        MemorySegment global =
            (MemorySegment)
                linker
                    .downcallHandle(context, FunctionDescriptor.of(ValueLayout.ADDRESS))
                    .invokeExact();
        return linker
            .downcallHandle(
                allow, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_BOOLEAN))
            .bindTo(global);
      } catch (Throwable e) {
        throw new TorchException("cannot get LibTorch's context", e);
      }
    }
  }

  private TensorFloat32() {}

  /** Whether LibTorch has been loaded, with CUDA, and the setting is found in it. */
  public static boolean isAvailable() {
    return Torch.hasCuda() && Setting.SET != null;
  }

  /**
   * Runs {@code products} with TensorFloat-32 allowed for float32 products on a GPU, and returns
   * its result.
   *
   * @throws TorchException if the setting is not available
   */
  public static <T> T during(Supplier<T> products) {
    if (!isAvailable()) {
      throw new TorchException("this LibTorch has no setting for TensorFloat-32");
    }
    LOCK.writeLock().lock();
    try {
      allow(true);
      try {
        return products.get();
      } finally {
        allow(false);
      }
    } finally {
      LOCK.writeLock().unlock();
    }
  }

  private static void allow(boolean yes) {
    try {
      Setting.SET.invokeExact(yes);
    } catch (Throwable e) {
      throw new TorchException("TensorFloat-32 cannot be set", e);
    }
  }

  /** Held by every call into LibTorch, so that no other call runs while the setting is on. */
  static Lock call() {
    return LOCK.readLock();
  }
}
