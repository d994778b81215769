package io.sluice.torch.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.sluice.torch.Torch;
import io.sluice.torch.TorchException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Which of its CPU kernels LibTorch has chosen for this processor. Kernels for different
 * instructions sum in different orders, so results differ in their last bits.
 */
public final class CpuKernels {
  private static final Path PROCESSOR = Path.of("/proc/cpuinfo");

  /** What identifies a processor's design in {@code /proc/cpuinfo}. */
  private static final List<String> DESIGN = List.of("vendor_id", "cpu family", "model");

  /** Variables with which a user limits the kernels that MKL and oneDNN choose. */
  private static final List<String> LIMITS =
      List.of("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA");

  /** A {@code std::string} of GNU's library: its place, its length, 15 characters and a zero. */
  private static final MemoryLayout STRING =
      MemoryLayout.structLayout(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private static final long LENGTH_AT = 8;
  private static final long CHARACTERS_AT = 16;
  private static final long MOST_CHARACTERS = 15;

  /** More than the name of a processor has. */
  private static final long LONGEST_NAME = 256;

  private CpuKernels() {}

  /**
   * The kernels in words, equal where the same ones compute: for instance {@code LibTorch AVX512,
   * OpenBLAS SkylakeX}. MKL does not say what it chooses, so with it this names the processor's
   * vendor, family and model, and the variables that limit the choice.
   *
   * @throws TorchException as {@link Torch#load}
   */
  public static String chosen() {
    Torch.load();
    List<String> parts = new ArrayList<>();
    parts.add("LibTorch " + capability());
    String core = openBlasCore();
    if (core != null) {
      parts.add("OpenBLAS " + core);
    }
    if (Torch.info().mkl()) {
      parts.add("MKL on " + design());
      for (String limit : LIMITS) {
        if (System.getenv(limit) != null) {
          parts.add(limit + "=" + System.getenv(limit));
        }
      }
    }
    return String.join(", ", parts);
  }

  /** What ATen's own operators use, for instance {@code AVX2}; it obeys ATEN_CPU_CAPABILITY. */
  private static String capability() {
    MethodHandle function =
        find("_ZN2at18get_cpu_capabilityB5cxx11Ev", FunctionDescriptor.of(STRING));
    if (function == null) {
      return "for " + System.getProperty("os.arch");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = (MemorySegment) function.invokeExact((SegmentAllocator) arena);
      long length = text.get(JAVA_LONG, LENGTH_AT);
      if (length < 0 || length > MOST_CHARACTERS) {
        throw new TorchException("LibTorch gave a name of " + length + " characters");
      }
      byte[] characters = text.asSlice(CHARACTERS_AT, length).toArray(JAVA_BYTE);
      return new String(characters, StandardCharsets.US_ASCII);
    } catch (TorchException e) {
      throw e;
    } catch (Throwable e) {
      throw new TorchException("LibTorch did not name its kernels", e);
    }
  }

  /** The core for which OpenBLAS has chosen its kernels; null where LibTorch has none. */
  private static String openBlasCore() {
    MethodHandle function = find("openblas_get_corename", FunctionDescriptor.of(ADDRESS));
    if (function == null) {
      return null;
    }
    try {
      MemorySegment name = (MemorySegment) function.invokeExact();
      return name.reinterpret(LONGEST_NAME).getString(0);
    } catch (Throwable e) {
      throw new TorchException("OpenBLAS did not name its kernels", e);
    }
  }

  private static MethodHandle find(String name, FunctionDescriptor type) {
    return SymbolLookup.loaderLookup()
        .find(name)
        .map(function -> Linker.nativeLinker().downcallHandle(function, type))
        .orElse(null);
  }

  private static String design() {
    try {
      return design(Files.readString(PROCESSOR));
    } catch (IOException e) {
      return "an unknown processor";
    }
  }

  /** Vendor, family and model of the first processor in the text of {@code /proc/cpuinfo}. */
  static String design(String text) {
    List<String> found = new ArrayList<>();
    for (String key : DESIGN) {
      text.lines()
          .filter(line -> line.matches(key + "\\s*:.*"))
          .findFirst()
          .ifPresent(line -> found.add(line.substring(line.indexOf(':') + 1).strip()));
    }
    return found.isEmpty() ? "an unknown processor" : String.join(" ", found);
  }
}
