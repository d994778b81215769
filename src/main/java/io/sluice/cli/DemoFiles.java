package io.sluice.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The model and the text of the demo. They are in the folder that the launcher names, either a
 * source tree or a folder made by {@code make dist}.
 */
final class DemoFiles {
  private static final String MODEL = "all-minilm-l6-v2";

  private DemoFiles() {}

  /**
   * A file or folder that the demo needs.
   *
   * @param name what it is, in a word
   * @param path where it is, if it is there
   * @param advice what to do if it is not
   */
  record Piece(String name, Optional<Path> path, String advice) {}

  /** The model's folder. */
  static Piece model() {
    return new Piece(
        "Demo model",
        first(List.of("target/models/" + MODEL, "models/" + MODEL)),
        "run 'make build', which takes it from Maven Central, or give --model");
  }

  /** The novel. */
  static Piece text() {
    return new Piece(
        "Demo text",
        first(List.of("datasets/moby-dick.txt")),
        "start sluice by bin/sluice, or give --text");
  }

  static List<Piece> pieces() {
    return List.of(model(), text());
  }

  private static Optional<Path> first(List<String> names) {
    Path home = Path.of(System.getProperty("sluice.home", ""));
    return names.stream().map(home::resolve).filter(Files::exists).findFirst();
  }
}
