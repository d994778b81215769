package io.sluice.torch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * A float32 matrix {@code W} on the CPU whose products with rows, {@code y = x · Wᵀ}, are taken by
 * the BLAS under LibTorch, called directly. LibTorch's operators use all of its threads for one
 * product; with MKL, which the builds that pip installs have, this can be called by many threads at
 * a time, each of which multiplies for itself.
 *
 * @param weights {@code [out, in]} row-major, or {@code [in, out]} if it is turned; native
 * @param out rows of {@code W}, at least 1
 * @param in columns of {@code W}, at least 1
 * @param stride from one row in memory to the next, in values
 * @param turned whether the memory holds {@code Wᵀ}
 */
public record WeightMatrix(MemorySegment weights, int out, int in, int stride, boolean turned) {
  /**
   * Checks the sizes; nothing is copied.
   *
   * @throws IllegalArgumentException if a size is not positive, or the stride less than a row
   * @throws IndexOutOfBoundsException if the memory is too small
   */
  public WeightMatrix {
    if (out < 1 || in < 1) {
      throw new IllegalArgumentException("a matrix of [" + out + ", " + in + "]");
    }
    requireFloats(weights, turned ? in : out, turned ? out : in, stride);
  }

  /** Rows one after the other. */
  public static WeightMatrix of(MemorySegment weights, int out, int in, boolean turned) {
    return new WeightMatrix(weights, out, in, turned ? out : in, turned);
  }

  /** Whether LibTorch's BLAS can be called. */
  public static boolean isAvailable() {
    Torch.load();
    return Blas.SGEMM != null;
  }

  /** Whether it can be called by many threads at a time, each of which multiplies for itself. */
  public static boolean isThreadwise() {
    return isAvailable() && Blas.SET_THREADS != null;
  }

  /**
   * {@code y = x·Wᵀ}, or {@code y += x·Wᵀ}.
   *
   * @param x {@code rows} times {@code in} float32 values, native
   * @param xStride from one row of {@code x} to the next, in values
   * @param rows may be 0
   * @param y {@code rows} times {@code out} float32 values, native
   * @param yStride from one row of {@code y} to the next, in values
   * @param add whether to add to what is in {@code y}
   * @param alone whether the calling thread does all the work, if {@link #isThreadwise}
   * @throws IllegalArgumentException if memory is on the heap, or a stride is less than a row
   * @throws IndexOutOfBoundsException if memory is too small
   * @throws IllegalStateException if memory was freed
   * @throws TorchException if it is not {@linkplain #isAvailable available}
   */
  public void multiply(
      MemorySegment x,
      int xStride,
      int rows,
      MemorySegment y,
      int yStride,
      boolean add,
      boolean alone) {
    if (!isAvailable()) {
      throw new TorchException("the BLAS under this LibTorch cannot be called");
    }
    requireFloats(x, rows, in, xStride);
    requireFloats(y, rows, out, yStride);
    if (rows == 0) {
      return;
    }
    Arguments own = Arguments.OF_THREAD.get();
    own.set(out, rows, in, stride, xStride, yStride, add);
    MemorySegment form = turned ? own.plain : own.transposed;
    try {
      boolean set = alone && Blas.SET_THREADS != null;
      int before = set ? (int) Blas.SET_THREADS.invokeExact(1) : 0;
      // Fortran's matrices are column-major: yᵀ = W · xᵀ.
      Blas.SGEMM.invokeExact(
          form,
          own.plain,
          own.at(Arguments.M),
          own.at(Arguments.N),
          own.at(Arguments.K),
          own.at(Arguments.ONE),
          weights,
          own.at(Arguments.LDA),
          x,
          own.at(Arguments.LDB),
          own.at(Arguments.BETA),
          y,
          own.at(Arguments.LDC));
      if (set) {
        int ignored = (int) Blas.SET_THREADS.invokeExact(before);
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new TorchException("the BLAS under LibTorch did not multiply", e);
    }
  }

  private static void requireFloats(MemorySegment memory, long rows, long width, long stride) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory on the heap, where native memory is wanted");
    }
    if (rows < 0 || stride < width) {
      throw new IllegalArgumentException(rows + " rows of " + width + " values every " + stride);
    }
    long floats = rows == 0 ? 0 : (rows - 1) * stride + width;
    Objects.checkFromIndexSize(0, floats * Float.BYTES, memory.byteSize());
  }

  /** Fortran takes all arguments by address: a thread's own memory for them. */
  private static final class Arguments {
    static final ThreadLocal<Arguments> OF_THREAD = ThreadLocal.withInitial(Arguments::new);
    static final int M = 0;
    static final int N = 1;
    static final int K = 2;
    static final int LDA = 3;
    static final int LDB = 4;
    static final int LDC = 5;
    static final int ONE = 6;
    static final int BETA = 7;
    static final int COUNT = 8;

    final MemorySegment numbers = Arena.ofAuto().allocate(JAVA_INT, COUNT);
    final MemorySegment transposed = letter('T');
    final MemorySegment plain = letter('N');

    private final MemorySegment[] places = new MemorySegment[COUNT];

    Arguments() {
      for (int i = 0; i < places.length; i++) {
        places[i] = numbers.asSlice((long) i * Integer.BYTES, Integer.BYTES);
      }
      numbers.setAtIndex(JAVA_FLOAT, ONE, 1);
    }

    private static MemorySegment letter(char letter) {
      MemorySegment memory = Arena.ofAuto().allocate(1);
      memory.set(JAVA_BYTE, 0, (byte) letter);
      return memory;
    }

    MemorySegment at(int index) {
      return places[index];
    }

    void set(int m, int n, int k, int lda, int ldb, int ldc, boolean add) {
      numbers.setAtIndex(JAVA_INT, M, m);
      numbers.setAtIndex(JAVA_INT, N, n);
      numbers.setAtIndex(JAVA_INT, K, k);
      numbers.setAtIndex(JAVA_INT, LDA, lda);
      numbers.setAtIndex(JAVA_INT, LDB, ldb);
      numbers.setAtIndex(JAVA_INT, LDC, ldc);
      numbers.setAtIndex(JAVA_FLOAT, BETA, add ? 1 : 0);
    }
  }

  /** What LibTorch and its libraries export; null where it is not there. */
  private static final class Blas {
    /**
     * MKL's: sets the calling thread's number of threads, 0 for the usual, and returns the last.
     */
    static final MethodHandle SET_THREADS =
        find("MKL_Set_Num_Threads_Local", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    static final MethodHandle SGEMM =
        find(
            "sgemm_",
            FunctionDescriptor.ofVoid(
                ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
                ADDRESS, ADDRESS, ADDRESS, ADDRESS));

    private static MethodHandle find(String name, FunctionDescriptor type) {
      return SymbolLookup.loaderLookup()
          .find(name)
          .map(function -> Linker.nativeLinker().downcallHandle(function, type))
          .orElse(null);
    }
  }
}
