package io.sluice.torch;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * A stream of a GPU beside the one that other threads compute in: its copies and kernels run while
 * theirs do. The stream is one of LibTorch's pool and is not freed.
 *
 * <p>LibTorch's memory is reused in the order of the stream that it was allocated in. So tensors
 * that are made here and used in another stream must live until that has used them.
 */
public final class CudaStream {
  /** Of LibTorch's stable C ABI, from 2.10 on, in its CUDA library. */
  private static final class Functions {
    static final MethodHandle FROM_POOL =
        find(
            "torch_get_cuda_stream_from_pool",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_BOOLEAN,
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS));

    static final MethodHandle CURRENT =
        find(
            "aoti_torch_get_current_cuda_stream",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    static final MethodHandle SET =
        find(
            "torch_set_current_cuda_stream",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));

    private static MethodHandle find(String name, FunctionDescriptor type) {
      return SymbolLookup.loaderLookup()
          .find(name)
          .map(address -> Linker.nativeLinker().downcallHandle(address, type))
          .orElse(null);
    }

    static boolean areFound() {
      return FROM_POOL != null && CURRENT != null && SET != null;
    }
  }

  private final Device device;
  private final MemorySegment stream;

  private CudaStream(Device device, MemorySegment stream) {
    this.device = device;
    this.stream = stream;
  }

  /** Whether the CUDA library, which is loaded, has all functions. */
  static boolean isBound() {
    return Functions.areFound();
  }

  /**
   * Whether LibTorch has streams of a device.
   *
   * @throws TorchException if it cannot use the device
   */
  public static boolean isAvailable(Device device) {
    Torch.require(device);
    return device.isCuda() && isBound();
  }

  /**
   * A stream of a GPU.
   *
   * @throws TorchException if LibTorch cannot use the device, or has no functions for it
   */
  public static CudaStream of(Device device) {
    if (!device.isCuda()) {
      throw new IllegalArgumentException("streams are of GPUs, not of the " + device);
    }
    if (!isAvailable(device)) {
      throw new TorchException("this LibTorch has no functions for streams of " + device);
    }
    Native n = Native.get();
    check(
        () -> (int) Functions.FROM_POOL.invokeExact(false, device.index(), n.out),
        "a stream of " + device);
    return new CudaStream(device, n.outPointer());
  }

  /**
   * Runs work whose operators go to this stream, and waits until the GPU has done them. Other
   * threads, and what the work's own threads do, stay in the streams they are in.
   */
  public void run(Runnable work) {
    Native n = Native.get();
    check(
        () -> (int) Functions.CURRENT.invokeExact(device.index(), n.out),
        "the current stream of " + device);
    MemorySegment before = n.outPointer();
    makeCurrent(stream);
    try {
      work.run();
      Torch.synchronize(device);
    } finally {
      makeCurrent(before);
    }
  }

  private void makeCurrent(MemorySegment wanted) {
    check(
        () -> (int) Functions.SET.invokeExact(wanted, device.index()),
        "another stream of " + device);
  }

  @FunctionalInterface
  private interface Status {
    int of() throws Throwable;
  }

  private static void check(Status call, String doing) {
    int status;
    try {
      status = call.of();
    } catch (Throwable e) {
      throw new TorchException(doing + " cannot be had", e);
    }
    Native.check(status, doing);
  }
}
