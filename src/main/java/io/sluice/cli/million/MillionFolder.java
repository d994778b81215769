package io.sluice.cli.million;

import io.sluice.files.AtomicFile;
import io.sluice.files.OutputFolder;
import io.sluice.report.TrainingRun;
import io.sluice.store.files.ManifestFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The folder of a million demo: what is finished in it, what can continue, what starts anew. */
final class MillionFolder {
  /** Holds the settings; its presence allows the demo to remove its own unfinished parts. */
  private static final String MARK = ".sluice-million";

  private final Path root;

  private MillionFolder(Path root) {
    this.root = root;
  }

  /** How far a part has come. */
  enum State {
    ABSENT,
    BEGUN,
    FINISHED
  }

  /**
   * Makes the folder, or opens that of an earlier call with the same settings.
   *
   * @throws IOException if something else is there, or a demo with other settings
   */
  static MillionFolder open(Path root, String identity) throws IOException {
    Path mark = root.resolve(MARK);
    if (Files.exists(mark)) {
      String before = Files.readString(mark).strip();
      if (!before.equals(identity)) {
        throw new IOException(
            "--out %s: holds a demo with %s, not %s; name another folder"
                .formatted(root, before, identity));
      }
      return new MillionFolder(root);
    }
    if (Files.exists(root) && !Files.isDirectory(root)) {
      throw new IOException("--out " + root + ": is a file; name a folder");
    }
    Files.createDirectories(root);
    try (Stream<Path> files = Files.list(root)) {
      if (files.anyMatch(file -> !AtomicFile.isLeftover(file))) {
        throw new IOException(
            "--out " + root + ": is neither empty nor an earlier demo's; name another folder");
      }
    }
    AtomicFile.write(mark, (identity + "\n").getBytes(StandardCharsets.UTF_8));
    return new MillionFolder(root);
  }

  Path store() {
    return root.resolve("activations");
  }

  Path causes() {
    return root.resolve("causes");
  }

  Path trial(String name) {
    return root.resolve("trials").resolve(name);
  }

  Path run(String name, int features) {
    return root.resolve("runs").resolve(name + "-" + features);
  }

  Path report() {
    return root.resolve("report.html");
  }

  Path page() {
    return root.resolve("million.md");
  }

  /** Peak memory of a run's process, in bytes. */
  Path memory(String name, int features) {
    return root.resolve(name + "-" + features + ".memory");
  }

  boolean hasStore() {
    return Files.exists(ManifestFile.of(store()));
  }

  State stateOf(Path run) throws IOException {
    if (Files.notExists(run.resolve("run.json"))) {
      return State.ABSENT;
    }
    return TrainingRun.read(run).result() == null ? State.BEGUN : State.FINISHED;
  }

  /** Removes what a killed process left of a part that cannot continue. */
  void remove(Path part) throws IOException {
    if (part.normalize().startsWith(root.normalize())) {
      OutputFolder.deleteTree(part);
    }
  }
}
