package io.sluice.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where LibTorch is looked for, and what is said where it is not. */
class LibTorchLocationTest {
  @TempDir Path folder;

  @Test
  void namedFolderWithoutLibTorchIsNeverPassedOver() {
    withProperty(
        folder.toString(),
        () ->
            assertThatThrownBy(LibTorchLocation::find)
                .isInstanceOf(TorchException.class)
                .hasMessageContaining("-Dsluice.libtorch names " + folder)
                .hasMessageContaining("libtorch_cpu"));
  }

  @Test
  void findsTheLibrariesInThreeLayouts() throws Exception {
    for (String layout : List.of("a", "b/lib", "c/torch/lib")) {
      Path libraries = Files.createDirectories(folder.resolve(layout));
      Files.createFile(libraries.resolve(System.mapLibraryName("torch_cpu")));
      withProperty(
          folder.resolve(layout.substring(0, 1)).toString(),
          () -> assertThat(LibTorchLocation.find().folder()).isEqualTo(libraries));
    }
  }

  /** A library of a platform, and those beside it that it is linked to. */
  private record Library(String name, List<String> needs) {
    /** Says that the system looks beside a library for what it needs. */
    static final String BESIDE = "$ORIGIN";

    static List<Library> of(String list) throws IOException {
      return Files.readAllLines(Path.of("src/test/resources/libtorch", list + ".txt")).stream()
          .map(line -> List.of(line.split(" ")))
          .map(words -> new Library(words.get(1), words.subList(2, words.size())))
          .toList();
    }
  }

  /** The lists are of {@code libtorch_files.py}, from the jars on Maven Central. */
  @ParameterizedTest
  @ValueSource(strings = {"linux-x86_64", "macosx-arm64", "windows-x86_64"})
  void whatTheJarsHaveIsLoadedInAnOrderThatWorks(String platform) throws Exception {
    List<Library> jars = Library.of(platform);
    List<String> names = jars.stream().map(Library::name).toList();
    List<String> loaded =
        LibTorchLocation.libraries(platform).stream().filter(names::contains).toList();
    assertThat(LibTorchLocation.libraries(platform).reversed().getFirst())
        .isIn(names)
        .contains("torch_cpu");
    for (Library library : jars) {
      int at = loaded.indexOf(library.name());
      if (at >= 0) {
        // Linux has its compiler's own.
        assertThat(library.needs())
            .as(library.name())
            .filteredOn(need -> !List.of("libgcc_s.so.1", Library.BESIDE).contains(need))
            .isSubsetOf(loaded.subList(0, at));
      }
    }
  }

  /** Maven Central has no LibTorch for Linux on ARM; the list is that of PyTorch 2.10 from pip. */
  @Test
  void pipsLibTorchForLinuxOnArmFindsWhatItNeeds() throws Exception {
    List<Library> wheel = Library.of("pip-linux-arm64");
    List<String> names = wheel.stream().map(Library::name).toList();
    List<String> loaded =
        LibTorchLocation.libraries("linux-arm64").stream().filter(names::contains).toList();
    assertThat(loaded).endsWith("libc10.so", "libtorch_cpu.so");
    for (Library library : wheel) {
      int at = loaded.indexOf(library.name());
      if (at >= 0 && !library.needs().contains(Library.BESIDE)) {
        assertThat(library.needs()).as(library.name()).isSubsetOf(loaded.subList(0, at));
      }
    }
  }

  @Test
  void aUserWithoutAHomeFolderIsToldWhatToSet() {
    assertThat(BundledLibTorch.home(folder.toString())).isEqualTo(folder);
    for (String unknown : new String[] {"?", "", null}) {
      assertThatThrownBy(() -> BundledLibTorch.home(unknown))
          .isInstanceOf(TorchException.class)
          .hasMessageContaining("SLUICE_CACHE");
    }
  }

  @Tag("slow")
  @Test
  void unpacksOnceWhenSeveralStartTogether() throws Exception {
    Path cache = folder.resolve("cache with space");
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Future<Optional<LibTorchLocation>>> unpacking =
          Stream.generate(() -> threads.submit(() -> BundledLibTorch.unpack(cache)))
              .limit(2)
              .toList();
      for (Future<Optional<LibTorchLocation>> one : unpacking) {
        Assumptions.assumeTrue(
            one.get().isPresent(), "no LibTorch for this platform on the class path");
        assertThat(one.get().orElseThrow().folder())
            .isDirectoryContaining(file -> file.endsWith(System.mapLibraryName("torch_cpu")));
      }
    }
    assertThat(entries(cache)).hasSize(1);
    Path libraries = entries(cache).getFirst();
    Path small = libraries.resolve(System.mapLibraryName("c10"));
    long size = Files.size(small);
    Files.write(small, new byte[10]);
    assertThat(BundledLibTorch.unpack(cache).orElseThrow().folder()).isEqualTo(libraries);
    assertThat(small).hasSize(size);
    assertThat(entries(cache)).hasSize(1);
  }

  @Test
  void unwritableCacheSaysWhatToDo() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    Assumptions.assumeTrue(
        BundledLibTorch.class.getResource("/org/bytedeco/pytorch/" + BundledLibTorch.platform())
            != null,
        "no LibTorch for this platform on the class path");
    assertThatThrownBy(() -> BundledLibTorch.unpack(file.resolve("cache")))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("SLUICE_CACHE");
  }

  private static List<Path> entries(Path folder) throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static void withProperty(String value, Runnable body) {
    String before = System.getProperty(LibTorchLocation.PROPERTY);
    System.setProperty(LibTorchLocation.PROPERTY, value);
    try {
      body.run();
    } finally {
      if (before == null) {
        System.clearProperty(LibTorchLocation.PROPERTY);
      } else {
        System.setProperty(LibTorchLocation.PROPERTY, before);
      }
    }
  }
}
