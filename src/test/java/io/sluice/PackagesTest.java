package io.sluice;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Packages that a reader can take in at once, each with a description. */
class PackagesTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("basedir", ".")).resolve("src/main/java/io/sluice");

  /** More than this in one folder, and nobody finds a class by looking. */
  private static final int MOST = 27;

  static List<Path> packages() throws IOException {
    try (Stream<Path> folders = Files.walk(SOURCES)) {
      return folders.filter(Files::isDirectory).filter(folder -> classes(folder) > 0).toList();
    }
  }

  @ParameterizedTest
  @MethodSource("packages")
  void saysWhatBelongsInIt(Path folder) throws IOException {
    Path description = folder.resolve("package-info.java");
    assertThat(description).exists();
    assertThat(Files.readString(description)).startsWith("/**");
  }

  @ParameterizedTest
  @MethodSource("packages")
  void holdsFewClasses(Path folder) {
    assertThat(classes(folder)).isLessThanOrEqualTo(MOST);
  }

  private static long classes(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".java") && !name.equals("package-info.java"))
          .count();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
