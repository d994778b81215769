package io.sluice.cli;

import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The folder that a demo writes into. A marker file in it allows a later demo to replace the files
 * of an earlier one. Nothing else is ever removed.
 */
final class DemoFolder {
  private static final String MARK = ".sluice-demo";

  private final Path root;

  private DemoFolder(Path root) {
    this.root = root;
  }

  /**
   * Makes the folder, or empties one that an earlier demo left.
   *
   * @throws IOException if there is something else at {@code root}
   */
  static DemoFolder prepare(Path root) throws IOException {
    DemoFolder folder = new DemoFolder(root);
    Path mark = root.resolve(MARK);
    if (Files.exists(root) && !Files.exists(mark)) {
      if (!Files.isDirectory(root)) {
        throw new IOException("--out " + root + ": is a file; name a folder");
      }
      try (Stream<Path> files = Files.list(root)) {
        if (files.findAny().isPresent()) {
          throw new IOException(
              "--out " + root + ": is neither empty nor an earlier demo's; name another folder");
        }
      }
    }
    Files.createDirectories(root);
    if (Files.notExists(mark)) {
      Files.createFile(mark);
    }
    for (Path old :
        List.of(
            folder.activations(),
            folder.runs(),
            folder.spectrum(),
            folder.features(),
            folder.featurePage(),
            folder.report())) {
      OutputFolder.deleteTree(old);
    }
    Files.createDirectories(folder.runs());
    return folder;
  }

  Path root() {
    return root;
  }

  Path activations() {
    return root.resolve("activations");
  }

  Path spectrum() {
    return root.resolve("spectrum.json");
  }

  Path features() {
    return root.resolve("features");
  }

  Path featurePage() {
    return root.resolve("features.html");
  }

  Path report() {
    return root.resolve("report.html");
  }

  Path run(String name) {
    return runs().resolve(name);
  }

  private Path runs() {
    return root.resolve("runs");
  }

  /** Bytes of all its files. */
  long bytes() throws IOException {
    long bytes = 0;
    // The folder itself may be a link, which a walk does not follow.
    try (Stream<Path> files = Files.walk(root.toRealPath())) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }
}
