package io.sluice.audit;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
  private final Path place;
  private final DictionaryConfig config;
  private final Promise promise;
  private final Weights weights;

  /** Reads the weights. */
  @FunctionalInterface
  private interface Weights {
    Dictionary read() throws IOException;
  }

  private AuditedDictionary(
      String name, Path place, DictionaryConfig config, Promise promise, Weights weights) {
    this.name = name;
    this.place = place;
    this.config = config;
    this.promise = promise;
    this.weights = weights;
  }

  /**
   * The dictionary in a folder or file, of any format that {@link DictionaryFormat} reads.
   *
   * <p>Where its files say that activations are multiplied by a number, which they do not hold
   * (SAELens's {@code expected_average_only_in}), the promise is {@link Normalisation#CONSTANT}.
   *
   * @param name what it is called; may hold the number of features per token ({@code
   *     average_l0_71})
   * @throws IOException if it holds none that is read, or a dictionary of several hook points
   */
  public static AuditedDictionary open(String name, Path place) throws IOException {
    return open(name, place, Origin.UNKNOWN);
  }

  /**
   * The same, of which more is known than its files say.
   *
   * @throws IOException as the other
   */
  public static AuditedDictionary open(String name, Path place, Origin known) throws IOException {
    if (CrossLayerDictionary.isIn(place)) {
      throw severalPoints(place, "a cross-layer transcoder");
    }
    DictionaryFormat format = DictionaryFormat.of(place);
    boolean unknown = known.activationScale().isEmpty() && format.needsScale(place);
    Origin origin = unknown ? known.scaled(1) : known;
    DictionaryConfig config = format.open(place, origin).config();
    if (!config.sites().isEmpty()) {
      throw severalPoints(place, "a dictionary of several hook points");
    }
    Promise promise =
        Promise.of(config, unknown ? Normalisation.CONSTANT : Normalisation.of(config.tokenNorm()));
    if (promise.l0() == null) {
      promise = withL0(promise, name, place);
    }
    return new AuditedDictionary(
        name, place, config, promise, () -> format.open(place, origin).read(Arena.ofAuto()));
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
   * The dictionaries in a folder and those within it, in the order of their names: folders, and
   * files of formats that have a file for each dictionary.
   *
   * @param place a folder, or a file, which is a dictionary itself
   * @throws IOException if there is none
   */
  public static List<Path> placesIn(Path place) throws IOException {
    if (!Files.isDirectory(place) || CrossLayerDictionary.isIn(place) || isDictionary(place)) {
      return List.of(place);
    }
    List<Path> found = new ArrayList<>();
    try (Stream<Path> all = Files.walk(place, DEEPEST)) {
      for (Path folder : (Iterable<Path>) all.filter(Files::isDirectory).sorted()::iterator) {
        if (isDictionary(folder)) {
          found.add(folder);
        } else {
          addFiles(folder, found);
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    if (found.isEmpty()) {
      // Says which formats there are.
      DictionaryFormat.of(place);
    }
    return found;
  }

  private static void addFiles(Path folder, List<Path> found) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(Files::isRegularFile)
          .filter(AuditedDictionary::isDictionary)
          .sorted()
          .forEach(found::add);
    }
  }

  private static boolean isDictionary(Path place) {
    try {
      DictionaryFormat.of(place);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static IOException severalPoints(Path place, String what) {
    return new IOException(
        place + ": is " + what + "; an audit takes dictionaries of one hook point");
  }

  private static Promise withL0(Promise promise, String name, Path place) throws IOException {
    OptionalDouble named = PromisedL0.ofName(name);
    if (named.isPresent()) {
      return promise.withL0(named.getAsDouble(), "name");
    }
    OptionalDouble written = PromisedL0.ofFiles(place);
    return written.isPresent() ? promise.withL0(written.getAsDouble(), "configuration") : promise;
  }

  /** What it is called. */
  public String name() {
    return name;
  }

  /** Where it was read from; empty if it was in memory. */
  public Optional<Path> place() {
    return Optional.ofNullable(place);
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
