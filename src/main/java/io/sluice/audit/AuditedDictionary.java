package io.sluice.audit;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * A dictionary to be audited: what it promises, and where its weights are, which are read when they
 * are needed.
 */
public final class AuditedDictionary {
  /** Folders of folders that are searched, as those of a sweep. */
  private static final int DEEPEST = 6;

  private final String name;
  private final Path folder;
  private final DictionaryConfig config;
  private final Promise promise;
  private final Weights weights;

  /** Reads the weights. */
  @FunctionalInterface
  private interface Weights {
    Dictionary read() throws IOException;
  }

  private AuditedDictionary(
      String name, Path folder, DictionaryConfig config, Promise promise, Weights weights) {
    this.name = name;
    this.folder = folder;
    this.config = config;
    this.promise = promise;
    this.weights = weights;
  }

  /**
   * The dictionary in a folder, of any format that {@link DictionaryFormat} reads.
   *
   * <p>Where a file says that activations are multiplied by a number, which it does not hold
   * (SAELens's {@code expected_average_only_in}), the promise is {@link Normalisation#CONSTANT}.
   *
   * @param name what it is called; may hold the number of features per token ({@code
   *     average_l0_71})
   * @throws IOException if it holds none that is read, or a dictionary of several hook points
   */
  public static AuditedDictionary open(String name, Path folder) throws IOException {
    if (CrossLayerDictionary.isIn(folder)) {
      throw severalPoints(folder, "a cross-layer transcoder");
    }
    DictionaryFormat format = DictionaryFormat.of(folder);
    Origin origin = Origin.UNKNOWN;
    DictionarySource source;
    try {
      source = format.open(folder, origin);
    } catch (IOException e) {
      origin =
          new Origin(Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.of(1));
      try {
        source = format.open(folder, origin);
      } catch (IOException other) {
        throw e;
      }
    }
    DictionaryConfig config = source.config();
    if (!config.sites().isEmpty()) {
      throw severalPoints(folder, "a dictionary of several hook points");
    }
    boolean scaled = origin.activationScale().isPresent();
    Promise promise =
        Promise.of(config, scaled ? Normalisation.CONSTANT : Normalisation.of(config.tokenNorm()));
    if (promise.l0() == null) {
      promise = withL0(promise, name, folder);
    }
    Origin known = origin;
    return new AuditedDictionary(
        name, folder, config, promise, () -> format.open(folder, known).read(Arena.ofAuto()));
  }

  /** A dictionary in memory. */
  public static AuditedDictionary of(String name, Dictionary dictionary) {
    DictionaryConfig config = dictionary.config();
    if (!config.sites().isEmpty()) {
      throw new IllegalArgumentException(
          name + ": has several hook points, " + config.outputHook() + "; an audit takes one");
    }
    Promise promise = Promise.of(config, Normalisation.of(config.tokenNorm()));
    return new AuditedDictionary(name, null, config, promise, () -> dictionary);
  }

  /**
   * The folders with a dictionary, in a folder and those within it; in the order of their names.
   *
   * @throws IOException if there is none
   */
  public static List<Path> foldersIn(Path folder) throws IOException {
    if (holdsDictionary(folder)) {
      return List.of(folder);
    }
    List<Path> found;
    try (Stream<Path> all = Files.walk(folder, DEEPEST)) {
      found =
          all.filter(Files::isDirectory)
              .filter(AuditedDictionary::holdsDictionary)
              .sorted()
              .toList();
    }
    if (found.isEmpty()) {
      // Says which formats there are.
      DictionaryFormat.of(folder);
    }
    return found;
  }

  private static boolean holdsDictionary(Path folder) {
    try {
      DictionaryFormat.of(folder);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static IOException severalPoints(Path folder, String what) {
    return new IOException(
        folder + ": is " + what + "; an audit takes dictionaries that read and write one");
  }

  private static Promise withL0(Promise promise, String name, Path folder) throws IOException {
    OptionalDouble named = PromisedL0.ofName(name);
    if (named.isPresent()) {
      return promise.withL0(named.getAsDouble(), "name");
    }
    OptionalDouble written = PromisedL0.ofFiles(folder);
    return written.isPresent() ? promise.withL0(written.getAsDouble(), "configuration") : promise;
  }

  /** What it is called. */
  public String name() {
    return name;
  }

  /** Where it was read from; empty if it was in memory. */
  public Optional<Path> folder() {
    return Optional.ofNullable(folder);
  }

  /** Its configuration. */
  public DictionaryConfig config() {
    return config;
  }

  /** What its files and its name say. */
  public Promise promise() {
    return promise;
  }

  /**
   * Reads the weights.
   *
   * @throws IOException if a file is missing or damaged
   */
  public Dictionary read() throws IOException {
    return weights.read();
  }
}
