package io.sluice.torch.int8;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.torch.Torch;
import io.sluice.torch.TorchException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Products of uint8 and int8 matrices, exact in int32, by the micro-kernels of oneDNN in LibTorch.
 * They use the processor's int8 units (AVX-512 VNNI, AMX). On a processor without these the call
 * would end the process, so it is made only where {@link IntegerProbe} has seen it work.
 */
public final class IntegerProducts {
  private static final int COLUMNS = 64;

  private IntegerProducts() {}

  /** Looked up when first needed; null where LibTorch does not export it. */
  private static final class Found {
    static final MethodHandle RELEASE =
        find("_ZN2at6native7cpublas14brgemm_releaseEb", FunctionDescriptor.ofVoid(JAVA_BOOLEAN));
    static final MethodHandle MULTIPLY =
        find(
            "_ZN2at6native7cpublas6brgemmEllllllbPKhPKaPib",
            FunctionDescriptor.ofVoid(
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_BOOLEAN,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                JAVA_BOOLEAN));

    private static MethodHandle find(String name, FunctionDescriptor type) {
      return SymbolLookup.loaderLookup()
          .find(name)
          .map(function -> Linker.nativeLinker().downcallHandle(function, type))
          .orElse(null);
    }
  }

  /** Asked once. */
  private static final class Probed {
    static final String OBSTACLE = find();

    private static String find() {
      String processor = IntegerProbe.processorObstacle();
      if (processor != null) {
        return processor;
      }
      if (!Torch.isAvailable()) {
        return "there is no LibTorch";
      }
      return Found.MULTIPLY == null || Found.RELEASE == null
          ? "this LibTorch does not export the product"
          : IntegerProbe.obstacle();
    }
  }

  /**
   * Why these products cannot be computed here, or null if they can. Loads LibTorch if the
   * processor has the units.
   */
  public static String obstacle() {
    return Probed.OBSTACLE;
  }

  /** Whether these products can be computed here. */
  public static boolean areAvailable() {
    return obstacle() == null;
  }

  /**
   * {@code out[i·64 + j] = Σ_t tokens[i·depth + t] · block[(t / 4)·256 + j·4 + t mod 4]}.
   *
   * @param tokens native; {@code [count, depth]} uint8 from byte {@code tokensAt} on
   * @param count at least 1
   * @param block native; {@code [depth / 4][64][4]} int8 from byte {@code blockAt} on
   * @param depth a multiple of 4, at least 4
   * @param out native; receives {@code [count, 64]} int32
   * @throws IllegalArgumentException if a number is out of range or memory is not native
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws UnsupportedOperationException if {@link #areAvailable} is false
   */
  public static void multiply(
      MemorySegment tokens,
      long tokensAt,
      int count,
      MemorySegment block,
      long blockAt,
      int depth,
      MemorySegment out) {
    if (count < 1 || depth < 4 || depth % 4 != 0) {
      throw new IllegalArgumentException(
          "a product of " + count + " tokens of " + depth + " bytes, not a multiple of 4");
    }
    if (!tokens.isNative() || !block.isNative() || !out.isNative() || out.isReadOnly()) {
      throw new IllegalArgumentException("memory on the heap or read-only, not native memory");
    }
    if (obstacle() != null) {
      throw new UnsupportedOperationException("no products of bytes: " + obstacle());
    }
    multiplyUnchecked(
        tokens.asSlice(tokensAt, (long) count * depth),
        count,
        block.asSlice(blockAt, (long) COLUMNS * depth),
        depth,
        out.asSlice(0, (long) count * COLUMNS * Integer.BYTES));
  }

  /** The call itself; only {@link IntegerProbe} may make it without a probe. */
  static void multiplyUnchecked(
      MemorySegment tokens, int count, MemorySegment block, int depth, MemorySegment out) {
    try {
      Found.MULTIPLY.invokeExact(
          (long) count,
          (long) COLUMNS,
          (long) depth,
          (long) depth,
          (long) COLUMNS,
          (long) COLUMNS,
          false,
          tokens,
          block,
          out,
          true);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new TorchException("the product of bytes failed", e);
    }
  }

  /** Gives back the state of this thread's matrix unit (AMX), after a run of products. */
  public static void release() {
    if (obstacle() == null) {
      releaseUnchecked();
    }
  }

  static void releaseUnchecked() {
    try {
      Found.RELEASE.invokeExact(true);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new TorchException("the state of the matrix unit could not be released", e);
    }
  }
}
