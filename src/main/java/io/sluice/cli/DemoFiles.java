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
        "run 'make build' in the source tree ('make dist DEMO_MODEL=yes' for a folder with it), or"
            + " give --model");
  }

  /** The novel. */
  static Piece text() {
    return new Piece(
        "Demo text",
        first(List.of("datasets/moby-dick.txt")),
        "start sluice by bin/sluice, or give --text");
  }

  /** The language model of the million. */
  static Piece languageModel() {
    return new Piece(
        "Language model",
        fetched("SLUICE_MODELS", "models", "SmolLM2-135M-Instruct.Q4_1.gguf"),
        "run 'make models', or give --model");
  }

  /** The second text of the million. */
  static Piece bible() {
    return new Piece(
        "King James Bible",
        fetched("SLUICE_TEXTS", "texts", "kjv.txt"),
        "run bin/fetch-texts, or give --text");
  }

  /** A file that a script in {@code bin} fetched, in the folder that the variable names. */
  private static Optional<Path> fetched(String variable, String folder, String file) {
    String cache = System.getenv("XDG_CACHE_HOME");
    Path usual =
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(cache);
    String named = System.getenv(variable);
    Path place =
        named == null || named.isEmpty() ? usual.resolve("sluice").resolve(folder) : Path.of(named);
    return Optional.of(place.resolve(file)).filter(Files::exists);
  }

  static List<Piece> pieces() {
    return List.of(model(), text());
  }

  private static Optional<Path> first(List<String> names) {
    Path home = Path.of(System.getProperty("sluice.home", ""));
    return names.stream().map(home::resolve).filter(Files::exists).findFirst();
  }
}
