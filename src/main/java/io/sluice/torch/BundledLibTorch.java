package io.sluice.torch;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * LibTorch for the CPU from the class path: the shared libraries inside the jars of {@code
 * org.bytedeco:pytorch} and {@code org.bytedeco:openblas}, unpacked once into a cache folder whose
 * name carries both versions.
 */
final class BundledLibTorch {
  private static final List<String> ARTIFACTS = List.of("pytorch", "openblas");

  private BundledLibTorch() {}

  /** Unpacks if necessary; empty if the class path has no LibTorch for this platform. */
  static Optional<LibTorchLocation> unpack() {
    return unpack(cacheFolder());
  }

  static Optional<LibTorchLocation> unpack(Path cache) {
    if (resource(System.mapLibraryName("torch_cpu")) == null) {
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
      new UnpackedFiles(folder, resources()).provide();
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

  /** {@code -Dsluice.cache}, otherwise {@code SLUICE_CACHE}, otherwise the user's cache folder. */
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
   * @param property the JVM's {@code user.home}: "?" if the system does not know the user, as in
   *     many containers, which must not become a folder of this name
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

  /** The libraries on the class path by their file names. */
  private static Map<String, URL> resources() {
    Map<String, URL> resources = new LinkedHashMap<>();
    for (String library : LibTorchLocation.libraries(platform())) {
      URL resource = resource(library);
      if (resource != null) {
        resources.put(library, resource);
      }
    }
    return resources;
  }

  /** A library in the jars, or null. */
  private static URL resource(String library) {
    for (String artifact : ARTIFACTS) {
      URL found =
          BundledLibTorch.class.getResource(
              "/org/bytedeco/" + artifact + "/" + platform() + "/" + library);
      if (found != null) {
        return found;
      }
    }
    return null;
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
    String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return switch (e) {
      case AccessDeniedException denied -> "may not write to " + denied.getFile();
      case FileAlreadyExistsException file -> file.getFile() + " is not a folder";
      default -> message;
    };
  }
}
