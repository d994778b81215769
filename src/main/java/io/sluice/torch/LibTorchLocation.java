package io.sluice.torch;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A folder that holds LibTorch's shared libraries.
 *
 * @param folder the folder of {@code libtorch_cpu}
 * @param source how it was found, for people: the property, the variable or the class path
 */
record LibTorchLocation(Path folder, String source) {
  static final String PROPERTY = "sluice.libtorch";
  static final String VARIABLE = "LIBTORCH";

  private static final List<String> CUDA_LIBRARIES = List.of("c10_cuda", "torch_cuda");

  /**
   * The first that exists of the property {@code sluice.libtorch}, the environment variable {@code
   * LIBTORCH}, and the natives on the class path.
   *
   * @throws TorchException if there is none, or if the property or variable names a folder without
   *     LibTorch
   */
  static LibTorchLocation find() {
    String property = System.getProperty(PROPERTY);
    if (property != null && !property.isBlank()) {
      return named(property, "-D" + PROPERTY);
    }
    String variable = System.getenv(VARIABLE);
    if (variable != null && !variable.isBlank()) {
      return named(variable, VARIABLE);
    }
    return BundledLibTorch.unpack()
        .orElseThrow(
            () ->
                new TorchException(
                    "no LibTorch: put its natives on the class path (org.bytedeco:pytorch and"
                        + " org.bytedeco:openblas for this platform), or set LIBTORCH to a folder"
                        + " with libtorch_cpu, for instance the one that `python3 -c 'import torch;"
                        + " print(torch.__path__[0])'` prints"));
  }

  private static LibTorchLocation named(String text, String source) {
    Path place = Path.of(text).toAbsolutePath();
    for (Path folder : List.of(place, place.resolve("lib"), place.resolve("torch/lib"))) {
      if (Files.isRegularFile(folder.resolve(System.mapLibraryName("torch_cpu")))) {
        return new LibTorchLocation(folder, source);
      }
    }
    throw new TorchException(
        source
            + " names "
            + place
            + ", where there is no "
            + System.mapLibraryName("torch_cpu")
            + " (nor in lib or torch/lib below it); correct or remove it");
  }

  /**
   * The libraries of LibTorch for the CPU on a platform, in the order in which they are loaded:
   * each needs only those before it. The last two are in every LibTorch, the others in some: those
   * of Maven Central's jars, and on Windows also those of PyTorch's own build.
   *
   * @param platform its name in the jars, for instance {@code linux-x86_64}
   */
  static List<String> libraries(String platform) {
    return switch (platform.substring(0, platform.indexOf('-'))) {
      case "macosx" ->
          List.of(
              "libomp.dylib",
              "libgcc_s.1.1.dylib",
              "libquadmath.0.dylib",
              "libgfortran.5.dylib",
              "libopenblas.0.dylib",
              "libc10.dylib",
              "libtorch_cpu.dylib");
      case "windows" ->
          List.of(
              "libiomp5md.dll",
              "libopenblas.dll",
              "uv.dll",
              "asmjit.dll",
              "fbgemm.dll",
              "c10.dll",
              "torch_cpu.dll");
      default ->
          List.of(
              "libgomp.so.1",
              "libquadmath.so.0",
              "libgfortran.so.5",
              "libopenblas.so.0",
              "libc10.so",
              "libtorch_cpu.so");
    };
  }

  /** The files to load for the CPU, in order. */
  List<Path> cpuLibraries() {
    List<String> names = libraries(BundledLibTorch.platform());
    List<Path> files = new ArrayList<>();
    for (String name : names) {
      Path file = folder.resolve(name);
      if (Files.isRegularFile(file) || names.indexOf(name) >= names.size() - 2) {
        files.add(file);
      }
    }
    return files;
  }

  /** Whether this LibTorch was built for CUDA as well. */
  boolean hasCuda() {
    return Files.isRegularFile(folder.resolve(System.mapLibraryName("torch_cuda")));
  }

  /** The files to load on top for CUDA, in order. */
  List<Path> cudaLibraries() {
    return CUDA_LIBRARIES.stream()
        .map(name -> folder.resolve(System.mapLibraryName(name)))
        .toList();
  }
}
