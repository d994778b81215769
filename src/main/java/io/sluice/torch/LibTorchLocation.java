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

  /** Loaded in this order if present: each needs only those before it. */
  private static final List<String> CPU_LIBRARIES =
      List.of("libgomp.so.1", "libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0");

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

  /** The files to load for the CPU, in order. */
  List<Path> cpuLibraries() {
    List<Path> files = new ArrayList<>();
    for (String name : CPU_LIBRARIES) {
      if (Files.isRegularFile(folder.resolve(name))) {
        files.add(folder.resolve(name));
      }
    }
    files.add(folder.resolve(System.mapLibraryName("c10")));
    files.add(folder.resolve(System.mapLibraryName("torch_cpu")));
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
