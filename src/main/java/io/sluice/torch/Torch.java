package io.sluice.torch;

import io.sluice.bindings.torch.LibTorchC;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;

/**
 * The loaded LibTorch: which one it is, its devices and its threads.
 *
 * <p>It is looked for in the folder that the system property {@code sluice.libtorch} names, then in
 * that of the environment variable {@code LIBTORCH} (a PyTorch's {@code torch} or {@code torch/lib}
 * folder, 2.10 or newer), then among the natives on the class path; and loaded once per process,
 * when first needed.
 */
public final class Torch {
  /** The system property that names the folder of LibTorch. */
  public static final String FOLDER_PROPERTY = LibTorchLocation.PROPERTY;

  private static final int OLDEST_MAJOR = 2;
  private static final int OLDEST_MINOR = 10;

  private static LibTorchLocation location;
  private static TorchException failure;
  private static volatile long version;
  private static volatile boolean cudaLoaded;
  private static TorchException cudaFailure;

  private Torch() {}

  /**
   * The loaded LibTorch.
   *
   * @param version for instance {@code 2.13.0}
   * @param folder the folder of its shared libraries
   * @param source how it was found
   * @param builtForCuda whether it has a CUDA library
   * @param mkl whether Intel's MKL multiplies its matrices on the CPU, as in PyTorch's own builds
   */
  public record Info(
      String version, Path folder, String source, boolean builtForCuda, boolean mkl) {}

  /**
   * Finds and loads LibTorch, once.
   *
   * @throws TorchException if there is none, it is older than 2.10, or it cannot be loaded; the
   *     message says what to do
   */
  public static void load() {
    if (version != 0) {
      return;
    }
    loadOnce();
  }

  private static synchronized void loadOnce() {
    if (version != 0) {
      return;
    }
    if (failure != null) {
      throw failure;
    }
    try {
      LibTorchLocation found = LibTorchLocation.find();
      for (Path file : found.cpuLibraries()) {
        loadLibrary(file, found);
      }
      long loaded = abiVersionOf(found);
      if (!atLeast(loaded, OLDEST_MAJOR, OLDEST_MINOR)) {
        throw new TorchException(
            "LibTorch "
                + text(loaded)
                + " in "
                + found.folder()
                + " is too old; Sluice needs "
                + OLDEST_MAJOR
                + "."
                + OLDEST_MINOR
                + " or newer");
      }
      location = found;
      version = loaded;
    } catch (TorchException e) {
      failure = e;
      throw e;
    }
  }

  private static void loadLibrary(Path file, LibTorchLocation found) {
    try {
      System.load(file.toString());
    } catch (UnsatisfiedLinkError e) {
      throw new TorchException(
          "cannot load "
              + file
              + " (LibTorch from "
              + found.source()
              + "): "
              + String.valueOf(e.getMessage()).replaceAll("\\s*\\R\\s*", " "),
          e);
    }
  }

  private static long abiVersionOf(LibTorchLocation found) {
    try {
      // The dispatcher that takes versions came with 2.10, as did the other bound functions.
      LibTorchC.torch_call_dispatcher$address();
      return LibTorchC.aoti_torch_abi_version();
    } catch (LinkageError e) {
      throw new TorchException(
          "LibTorch in "
              + found.folder()
              + " is too old: it lacks the stable C ABI of "
              + OLDEST_MAJOR
              + "."
              + OLDEST_MINOR,
          e);
    }
  }

  /**
   * The folder for unpacked libraries and results of tests of this machine: {@code -Dsluice.cache},
   * otherwise {@code SLUICE_CACHE}, otherwise {@code sluice} in the cache folder of the user.
   *
   * @throws TorchException if none is set and the user has no home folder
   */
  public static Path cacheFolder() {
    return BundledLibTorch.cacheFolder();
  }

  /** Whether LibTorch can be loaded; loads it. */
  public static boolean isAvailable() {
    try {
      load();
      return true;
    } catch (TorchException e) {
      return false;
    }
  }

  /**
   * The loaded LibTorch; loads it if necessary.
   *
   * @throws TorchException as {@link #load}
   */
  public static Info info() {
    load();
    boolean mkl = SymbolLookup.loaderLookup().find("MKL_Get_Version_String").isPresent();
    return new Info(text(version), location.folder(), location.source(), location.hasCuda(), mkl);
  }

  /**
   * The devices that tensors can be on: the CPU, and each GPU if LibTorch was built for CUDA and
   * the driver is there.
   */
  public static List<Device> devices() {
    load();
    if (!location.hasCuda()) {
      return List.of(Device.CPU);
    }
    return java.util.stream.Stream.concat(
            java.util.stream.Stream.of(Device.CPU),
            CudaDriver.devices().stream().map(gpu -> Device.cuda(gpu.index())))
        .toList();
  }

  /** The GPUs that the CUDA driver knows, whether or not this LibTorch can use them. */
  public static List<CudaDevice> cudaDevices() {
    return CudaDriver.devices();
  }

  /** Whether tensors can be on a GPU here. */
  public static boolean hasCuda() {
    return isAvailable() && location.hasCuda() && !CudaDriver.devices().isEmpty();
  }

  /**
   * The number of threads that LibTorch's CPU operators use.
   *
   * @throws TorchException as {@link #load}
   */
  public static int threads() {
    load();
    return LibTorchC._ZN2at15get_num_threadsEv();
  }

  /**
   * Sets the number of threads that LibTorch's CPU operators use, in the whole process.
   *
   * @throws IllegalArgumentException if {@code threads} is less than 1
   */
  public static void threads(int threads) {
    if (threads < 1 || threads > 4096) {
      throw new IllegalArgumentException("threads must be from 1 to 4096, not " + threads);
    }
    load();
    LibTorchC._ZN2at15set_num_threadsEi(threads);
    setBlasThreads(threads);
  }

  /**
   * OpenBLAS, under the LibTorch of Maven Central, has its own threads, whose number LibTorch does
   * not set. They wait by spinning, which is expensive on shared cores.
   */
  private static void setBlasThreads(int threads) {
    SymbolLookup.loaderLookup()
        .find("openblas_set_num_threads")
        .ifPresent(
            function -> {
              try {
                Linker.nativeLinker()
                    .downcallHandle(function, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
                    .invokeExact(threads);
              } catch (Throwable e) {
                throw new TorchException("OpenBLAS did not take its number of threads", e);
              }
            });
  }

  /** Waits until all work on {@code device} is done; returns at once for the CPU. */
  public static void synchronize(Device device) {
    if (!device.isCuda()) {
      return;
    }
    requireCuda(device);
    Native n = Native.get();
    Native.check(
        LibTorchC.aoti_torch_get_current_cuda_stream(device.index(), n.out), "current stream");
    MemorySegment stream = n.outPointer();
    Native.check(
        LibTorchC.torch_cuda_stream_synchronize(stream, device.index()), "synchronize " + device);
  }

  /** The version in LibTorch's own form, {@code major<<56 | minor<<48 | patch<<40}. */
  static long abiVersion() {
    return version;
  }

  static boolean atLeast(int major, int minor) {
    return atLeast(version, major, minor);
  }

  private static boolean atLeast(long version, int major, int minor) {
    return Long.compareUnsigned(version >>> 48, (long) major << 8 | minor) >= 0;
  }

  private static String text(long version) {
    return (version >>> 56) + "." + (version >>> 48 & 0xff) + "." + (version >>> 40 & 0xff);
  }

  /**
   * Loads what {@code device} needs, so that missing parts are reported before any work.
   *
   * @throws TorchException if LibTorch or the device is missing; the message says what to do
   */
  public static void require(Device device) {
    load();
    if (device.isCuda()) {
      requireCuda(device);
    }
  }

  /** Loads the CUDA half of LibTorch, once. */
  static void requireCuda() {
    if (cudaLoaded) {
      return;
    }
    load();
    synchronized (Torch.class) {
      if (cudaLoaded) {
        return;
      }
      if (cudaFailure != null) {
        throw cudaFailure;
      }
      try {
        if (CudaDriver.devices().isEmpty()) {
          throw new TorchException(
              "no CUDA device: the NVIDIA driver is missing or finds no GPU; use --device cpu");
        }
        loadCudaLibraries();
      } catch (TorchException e) {
        cudaFailure = e;
        throw e;
      }
      cudaLoaded = true;
    }
  }

  /** Loads LibTorch's CUDA libraries whether or not there is a GPU. */
  static synchronized void loadCudaLibraries() {
    load();
    if (!location.hasCuda()) {
      throw new TorchException(
          "LibTorch in "
              + location.folder()
              + " is built for the CPU only; set LIBTORCH to a CUDA build (pip's torch, say)");
    }
    for (Path file : location.cudaLibraries()) {
      loadLibrary(file, location);
    }
  }

  static void requireCuda(Device device) {
    requireCuda();
    int count = CudaDriver.devices().size();
    if (device.index() >= count) {
      throw new TorchException(
          "no " + device + ": this machine has " + count + " CUDA devices, counted from 0");
    }
  }
}
