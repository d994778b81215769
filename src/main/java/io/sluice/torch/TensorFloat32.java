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
 * Products of float32 matrices on a GPU's matrix units, which take the first 10 bits of each
 * element's fraction (TensorFloat-32) and sum up in float32: several times as fast, and each
 * product off by up to {@code 2⁻⁹} of its magnitude.
 *
 * <p>LibTorch has one setting for the whole process. Sluice never leaves it on: {@link #during}
 * sets it for the calls of one piece of code, while calls of other threads wait, so that nobody
 * else's products change.
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
        throw new TorchException("LibTorch's context cannot be asked for", e);
      }
    }
  }

  private TensorFloat32() {}

  /** Whether LibTorch has been loaded, with CUDA, and the setting is found in it. */
  public static boolean isAvailable() {
    return Torch.hasCuda() && Setting.SET != null;
  }

  /**
   * What {@code products} returns, whose products of float32 matrices on a GPU may use matrix
   * units.
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

  /** Held by every call into LibTorch, so that none is under way while the setting is on. */
  static Lock call() {
    return LOCK.readLock();
  }
}
