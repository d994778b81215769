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
 * The BLAS under LibTorch, called directly. A function is null where LibTorch and its libraries do
 * not export it; LibTorch must have been loaded.
 */
final class Blas {
  /** A Fortran matrix product: thirteen arguments, three of them addresses of matrices. */
  private static final FunctionDescriptor GEMM =
      FunctionDescriptor.ofVoid(
          ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
          ADDRESS, ADDRESS, ADDRESS);

  /** Float32. */
  static final MethodHandle SGEMM = find("sgemm_", GEMM);

  /** MKL only: bfloat16 factors, with sums and results in float32. */
  static final MethodHandle BFLOAT16_GEMM = find("gemm_bf16bf16f32_", GEMM);

  /**
   * MKL only: sets the calling thread's number of threads, 0 for the default, and returns the
   * previous one.
   */
  static final MethodHandle SET_THREADS =
      find("MKL_Set_Num_Threads_Local", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private Blas() {}

  private static MethodHandle find(String name, FunctionDescriptor type) {
    return SymbolLookup.loaderLookup()
        .find(name)
        .map(function -> Linker.nativeLinker().downcallHandle(function, type))
        .orElse(null);
  }

  /**
   * {@code y = x·Wᵀ}, or {@code y += x·Wᵀ}. Memory is not checked; the call keeps it alive.
   *
   * @param gemm {@link #SGEMM} or {@link #BFLOAT16_GEMM}
   * @param weights {@code [out, in]} row-major, or {@code [in, out]} if {@code transposed}
   * @param rows at least 1
   * @param add whether to add to what is in {@code y}
   * @param alone whether the calling thread does all the work, if {@link #SET_THREADS} is there
   */
  static void multiply(
      MethodHandle gemm,
      MemorySegment weights,
      int stride,
      boolean transposed,
      MemorySegment x,
      int xStride,
      MemorySegment y,
      int yStride,
      int rows,
      int out,
      int in,
      boolean add,
      boolean alone) {
    Arguments own = Arguments.OF_THREAD.get();
    own.set(out, rows, in, stride, xStride, yStride, add);
    MemorySegment form = transposed ? own.letterN : own.letterT;
    try {
      boolean set = alone && SET_THREADS != null;
      int before = set ? (int) SET_THREADS.invokeExact(1) : 0;
      try {
        // Fortran's matrices are column-major: yᵀ = W · xᵀ.
        gemm.invokeExact(
            form,
            own.letterN,
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
      } finally {
        if (set) {
          int ignored = (int) SET_THREADS.invokeExact(before);
        }
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new TorchException("the BLAS under LibTorch did not multiply", e);
    }
  }

  /**
   * Checks that rows may be read from memory.
   *
   * @throws IllegalArgumentException if it is on the heap or not aligned to its values, or a stride
   *     is less than a row
   * @throws IndexOutOfBoundsException if it is too small
   * @throws IllegalStateException if it was freed
   */
  static void requireRows(MemorySegment memory, long rows, long width, long stride, int bytes) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory on the heap, where native memory is wanted");
    }
    if (rows < 0 || width < 1 || stride < width) {
      throw new IllegalArgumentException(rows + " rows of " + width + " values every " + stride);
    }
    long values = rows == 0 ? 0 : Math.addExact(Math.multiplyExact(rows - 1, stride), width);
    Objects.checkFromIndexSize(0, values, memory.byteSize() / bytes);
    if (memory.address() % bytes != 0) {
      throw new IllegalArgumentException(
          "memory at an address that is not a multiple of "
              + bytes
              + " bytes, the size of a value");
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("memory that was freed");
    }
  }

  /**
   * Checks that float32 rows may be written to memory; as {@link #requireRows}.
   *
   * @throws IllegalArgumentException also if it may only be read
   */
  static void requireResult(MemorySegment memory, long rows, long width, long stride) {
    requireRows(memory, rows, width, stride, Float.BYTES);
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(
          "memory that may only be read, where a product is to be written");
    }
  }

  /** Per-thread memory for the arguments, which Fortran takes by address. */
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
    final MemorySegment letterT = letter('T');
    final MemorySegment letterN = letter('N');

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
}
