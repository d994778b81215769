package io.sluice.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * LibTorch for the CPU from the class path: the shared libraries inside the jars of {@code
 * org.bytedeco:pytorch} and {@code org.bytedeco:openblas}, unpacked once into a cache folder.
 *
 * <p>The folder's name carries both versions. It is filled under another name and renamed, so that
 * processes that start at once never see half of it; the one that loses the race uses the winner's.
 */
final class BundledLibTorch {
  private static final List<String> LIBRARIES =
      List.of(
          "pytorch:libgomp.so.1",
          "openblas:libquadmath.so.0",
          "openblas:libgfortran.so.5",
          "openblas:libopenblas.so.0",
          "pytorch:" + System.mapLibraryName("c10"),
          "pytorch:" + System.mapLibraryName("torch_cpu"));

  private BundledLibTorch() {}

  /** Unpacks if need be; empty if the class path has no LibTorch for this platform. */
  static Optional<LibTorchLocation> unpack() {
    return unpack(cacheFolder());
  }

  static Optional<LibTorchLocation> unpack(Path cache) {
    if (resource("pytorch:" + System.mapLibraryName("torch_cpu")) == null) {
      return Optional.empty();
    }
    Path folder =
        cache.resolve(
            "libtorch-"
                + version("pytorch")
                + "-openblas-"
                + version("openblas")
                + "-"
                + platform());
    try {
      if (!isComplete(folder)) {
        fill(cache, folder);
      }
    } catch (IOException e) {
      throw new TorchException(
          "cannot unpack LibTorch into "
              + folder
              + " ("
              + reason(e)
              + "); it needs 400 MB there; set -Dsluice.cache or SLUICE_CACHE to another folder",
          e);
    }
    return Optional.of(new LibTorchLocation(folder, "class path, unpacked"));
  }

  /** {@code -Dsluice.cache}, else {@code SLUICE_CACHE}, else the user's cache folder. */
  static Path cacheFolder() {
    String property = System.getProperty("sluice.cache");
    if (property != null && !property.isBlank()) {
      return Path.of(property);
    }
    String variable = System.getenv("SLUICE_CACHE");
    if (variable != null && !variable.isBlank()) {
      return Path.of(variable);
    }
    String xdg = System.getenv("XDG_CACHE_HOME");
    Path base =
        xdg != null && !xdg.isBlank()
            ? Path.of(xdg)
            : home(System.getProperty("user.home")).resolve(".cache");
    return base.resolve("sluice");
  }

  /**
   * The user's home folder.
   *
   * @param property what the JVM says: "?" where the system does not know the user, as in many
   *     containers, and that would be a folder of this name in the current one
   * @throws TorchException if there is none
   */
  static Path home(String property) {
    Path home = property == null || property.isBlank() ? null : Path.of(property);
    if (home == null || !home.isAbsolute()) {
      throw new TorchException(
          "this user has no home folder to unpack LibTorch into; set HOME, or -Dsluice.cache or"
              + " SLUICE_CACHE to a folder for it");
    }
    return home;
  }

  private static void fill(Path cache, Path folder) throws IOException {
    Files.createDirectories(cache);
    Path temporary = Files.createTempDirectory(cache, "unpacking-");
    try {
      for (String library : LIBRARIES) {
        URL resource = resource(library);
        if (resource == null) {
          continue;
        }
        Path file = temporary.resolve(fileName(library));
        try (InputStream in = resource.openStream()) {
          Files.copy(in, file);
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
      if (Files.exists(folder) && !isComplete(folder)) {
        // Damaged, by hand or by a full disk; set aside rather than edited under a running process.
        Path damaged = Files.createTempDirectory(cache, "damaged-");
        Files.move(folder, damaged, StandardCopyOption.ATOMIC_MOVE);
        delete(damaged);
      }
      try {
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        if (!isComplete(folder)) {
          throw e;
        }
      }
    } finally {
      delete(temporary);
    }
  }

  /** Whether every library is there in its full size. */
  private static boolean isComplete(Path folder) throws IOException {
    for (String library : LIBRARIES) {
      URL resource = resource(library);
      if (resource == null) {
        continue;
      }
      Path file = folder.resolve(fileName(library));
      URLConnection connection = resource.openConnection();
      connection.setUseCaches(true);
      if (!Files.isRegularFile(file) || Files.size(file) != connection.getContentLengthLong()) {
        return false;
      }
    }
    return true;
  }

  private static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : new ArrayList<>(files.toList())) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    } catch (IOException | UncheckedIOException e) {
      // A leftover in a cache folder harms nothing; the next start tries again.
      return;
    }
  }

  private static String fileName(String library) {
    return library.substring(library.indexOf(':') + 1);
  }

  private static URL resource(String library) {
    String artifact = library.substring(0, library.indexOf(':'));
    return BundledLibTorch.class.getResource(
        "/org/bytedeco/" + artifact + "/" + platform() + "/" + fileName(library));
  }

  private static String version(String artifact) {
    String path = "/META-INF/maven/org.bytedeco/" + artifact + "/pom.properties";
    try (InputStream in = BundledLibTorch.class.getResourceAsStream(path)) {
      if (in == null) {
        return "unknown";
      }
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version", "unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** This platform's name in the jars, for instance {@code linux-x86_64}. */
  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    String system = os.contains("mac") ? "macosx" : os.contains("win") ? "windows" : "linux";
    String processor =
        switch (arch) {
          case "amd64", "x86_64" -> "x86_64";
          case "aarch64" -> "arm64";
          default -> arch;
        };
    return system + "-" + processor;
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
