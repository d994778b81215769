package io.sluice.dictionary.formats;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionaryMemory;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.files.OutputFolder;
import io.sluice.store.names.TransformerLensNames;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** The formats of dictionaries on disk: Sluice's own and those of other libraries. */
public enum DictionaryFormat {
  /** {@code dictionary.json} and {@code dictionary.safetensors}. */
  SLUICE(new SluiceFormat()),

  /** SAELens: {@code cfg.json} and {@code sae_weights.safetensors}. */
  SAELENS(new SaeLens()),

  /** EleutherAI sparsify: {@code cfg.json} and {@code sae.safetensors}. */
  SPARSIFY(new Sparsify()),

  /** Llamascopium: {@code config.json} and {@code sae_weights.safetensors}. */
  LLAMASCOPIUM(new Llamascopium()),

  /** dictionary_learning: {@code config.json} and {@code ae.pt}. */
  DICTIONARY_LEARNING(new DictionaryLearning()),

  /** Gemma Scope: {@code params.npz}. Not written. */
  GEMMA_SCOPE(new GemmaScope()),

  /** Gemma Scope 2: {@code params.safetensors}, usually with {@code config.json}. Not written. */
  GEMMA_SCOPE_2(new GemmaScope2()),

  /** Llama Scope: {@code hyperparams.json} and weights. Not written. */
  LLAMA_SCOPE(new LlamaScope()),

  /** One file of PyTorch's: OpenAI's, Goodfire's, Qwen Scope's and others. Not written. */
  PYTORCH(new PyTorchSingle()),

  /** circuit-tracer: {@code config.yaml} and a file for each layer. Not written. */
  CIRCUIT_TRACER(new CircuitTracer());

  private final DictionaryReader reader;

  DictionaryFormat(DictionaryReader reader) {
    this.reader = reader;
  }

  /** The format's name on the command line. */
  public String label() {
    return reader.label();
  }

  /** Whether dictionaries can be written in it. */
  public boolean isWritten() {
    return reader instanceof FolderFormat;
  }

  DictionaryReader reader() {
    return reader;
  }

  /** The names of all formats with those of their files, for messages. */
  static String known(List<DictionaryFormat> formats) {
    return formats.stream()
        .map(each -> each.label() + " (" + each.reader.files() + ")")
        .collect(Collectors.joining(", "));
  }

  /** The names of the formats that are written, for messages. */
  public static String writtenLabels() {
    return Arrays.stream(values())
        .filter(DictionaryFormat::isWritten)
        .map(DictionaryFormat::label)
        .collect(Collectors.joining(", "));
  }

  /** The names of all formats, for messages. */
  public static String labels() {
    return Arrays.stream(values()).map(DictionaryFormat::label).collect(Collectors.joining(", "));
  }

  /**
   * The format of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static DictionaryFormat named(String label) {
    String wanted = label.toLowerCase(Locale.ROOT).replace('-', '_');
    for (DictionaryFormat format : values()) {
      if (format.label().equals(wanted)) {
        return format;
      }
    }
    throw new IllegalArgumentException(
        "unknown format '" + label + "'; known: " + DictionaryFormat.labels());
  }

  /**
   * The format of a folder or a file, by the names of its files.
   *
   * @throws IOException if it has the files of none or of several, or if a folder holds several
   *     dictionaries of one
   */
  public static DictionaryFormat of(Path place) throws IOException {
    List<DictionaryFormat> fitting = new ArrayList<>();
    Set<String> names = PlacedFiles.around(place);
    for (DictionaryFormat format : values()) {
      if (!format.filesOf(place, names).isEmpty()) {
        fitting.add(format);
      }
    }
    if (fitting.size() == 1) {
      return fitting.getFirst();
    }
    throw new IOException(
        place
            + (fitting.isEmpty()
                ? ": holds no dictionary of a format that Sluice reads; they are "
                    + known(List.of(values()))
                : ": holds dictionaries of several formats; name one: "
                    + fitting.stream()
                        .map(DictionaryFormat::label)
                        .collect(Collectors.joining(", "))));
  }

  /**
   * Whether a place holds a dictionary of another library, and none in Sluice's format.
   *
   * @throws IOException if it cannot be listed, or a folder holds several dictionaries
   */
  public static boolean isForeign(Path place) throws IOException {
    boolean foreign = false;
    Set<String> names = PlacedFiles.around(place);
    for (DictionaryFormat format : values()) {
      if (!format.filesOf(place, names).isEmpty()) {
        if (format == SLUICE) {
          return false;
        }
        foreign = true;
      }
    }
    return foreign;
  }

  /**
   * The files of the dictionary in a place, relative to its folder; empty if there is none.
   *
   * @param names those of {@link PlacedFiles#around}
   */
  private List<String> filesOf(Path place, Set<String> names) throws IOException {
    if (Files.isRegularFile(place)) {
      return reader.ofFile(place.getFileName().toString(), names);
    }
    Optional<String> rather = reader.rather(place.toString(), names);
    if (rather.isPresent()) {
      throw new IOException(place + ": " + rather.get());
    }
    return reader.inFolder(names);
  }

  /**
   * Checks, before a dictionary is read, that memory holds what it needs when it encodes.
   *
   * @throws IOException if it does not; the message says what would fit
   */
  public void requireMemory(Path place, EngineFactory engines) throws IOException {
    if (this == SLUICE) {
      DictionaryMemory.require(place, engines);
      return;
    }
    Path folder = Files.isRegularFile(place) ? place.toAbsolutePath().getParent() : place;
    long bytes = 0;
    for (String file : filesOf(place, PlacedFiles.around(place))) {
      bytes += Files.size(folder.resolve(file));
    }
    DictionaryMemory.requireForeign(place, bytes, engines);
  }

  /**
   * Whether the activations of a dictionary have to be multiplied by a number that its files do not
   * hold ({@link Origin#activationScale}).
   *
   * @throws IOException if its configuration is missing or damaged
   */
  public boolean needsScale(Path place) throws IOException {
    return this == SAELENS && SaeLens.needsScale(place);
  }

  /**
   * Reads a dictionary. It computes the codes and reconstructions of its library: conventions of
   * biases and norms, and normalisation by one number, are converted to Sluice's. Normalisation of
   * each token stays ({@link DictionaryConfig#tokenNorm}).
   *
   * @param place the folder with the format's files, or the file that stands for a dictionary
   * @param origin what the caller knows in addition
   * @throws IOException if a file is missing or damaged, a tensor is missing, unknown or of another
   *     shape than the config says, or a setting is not supported; the message names the file and
   *     the setting
   */
  public Dictionary read(Path place, Origin origin) throws IOException {
    return open(place, origin).read(Arena.ofAuto());
  }

  /**
   * As {@link #read}, but the matrices are read some rows at a time, whenever they are asked for:
   * for what does not need the whole dictionary in memory.
   *
   * @throws IllegalArgumentException if the caller names a hook point of TransformerLens that has
   *     no counterpart
   * @throws IOException as {@link #read}; numbers in matrices that are not finite are found when
   *     their rows are read
   */
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    DictionarySource dictionary;
    try {
      dictionary = reader.open(folder, origin);
    } catch (IllegalArgumentException e) {
      throw new IOException(folder + ": " + e.getMessage(), e);
    }
    dictionary = failing(dictionary, folder + ": ");
    Optional<TokenNorm> norm = dictionary.config().tokenNorm();
    // A scale and the subtraction of a token's mean can change places.
    boolean scales = norm.isPresent() && !dictionary.config().isCentred();
    if (origin.activationScale().isPresent() && scales) {
      throw new IOException(
          folder
              + ": normalises each token ("
              + norm.get().kind().label()
              + "), so that no scale can be folded into its weights; leave out --activation-scale");
    }
    if (origin.activationScale().isPresent()) {
      try {
        dictionary = Conventions.scaled(dictionary, origin.activationScale().getAsDouble());
      } catch (IllegalArgumentException e) {
        throw new IOException(folder + notScaled(origin) + e.getMessage(), e);
      }
      dictionary = failing(dictionary, folder + notScaled(origin));
    }
    DictionaryConfig config = dictionary.config();
    if (!config.sites().isEmpty()) {
      if (origin.inputHook().isPresent() || origin.outputHook().isPresent()) {
        throw new IOException(
            folder + ": writes several hook points, which cannot be renamed: " + config.sites());
      }
      return dictionary;
    }
    String model = origin.model().orElse(config.model());
    UnaryOperator<String> translated = name -> TransformerLensNames.translated(name, model);
    String read = origin.inputHook().map(translated).orElse(null);
    String written = origin.outputHook().map(translated).orElse(null);
    if (written == null) {
      boolean same = config.inputHook().equals(config.outputHook());
      written =
          same && read != null ? read : TransformerLensNames.known(config.outputHook(), model);
    }
    if (read == null) {
      read = TransformerLensNames.known(config.inputHook(), model);
    }
    return dictionary.with(config.named(model, read, written));
  }

  private static String notScaled(Origin origin) {
    return ": cannot be converted to the activation scale %s: "
        .formatted(origin.activationScale().getAsDouble());
  }

  /** The dictionary, which names itself if its rows cannot be converted. */
  private static DictionarySource failing(DictionarySource dictionary, String named) {
    return dictionary.with(
        dictionary.config(),
        dictionary.encoder().failingAs(named),
        dictionary.decoder().failingAs(named));
  }

  /**
   * Writes a dictionary atomically into a folder, which is created if necessary.
   *
   * @throws IllegalArgumentException if the format has no such dictionaries; nothing is then
   *     written
   * @throws IOException if the folder already has one of the format's files, or writing fails
   */
  public void write(Dictionary dictionary, Path folder) throws IOException {
    write(dictionary.source(), folder);
  }

  /** As the other method, with matrices that are read some rows at a time. */
  public void write(DictionarySource dictionary, Path folder) throws IOException {
    if (!(reader instanceof FolderFormat files)) {
      throw ForeignWriter.refused(label(), "writer here", "the formats are " + writtenLabels());
    }
    String config = files.config();
    String weights = files.weights();
    for (String name : List.of(config, weights)) {
      if (Files.exists(folder.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
        throw new FileAlreadyExistsException(
            folder.resolve(name)
                + (name.equals(weights) && !Files.exists(folder.resolve(config))
                    ? " (an incomplete dictionary without " + config + "; delete it)"
                    : " (choose another folder)"));
      }
    }
    if (dictionary.hasSkip() && !files.keepsSkip()) {
      throw ForeignWriter.refused(
          label(), "skip connections", "convert to saelens or sparsify, which have them");
    }
    if (!dictionary.config().sites().isEmpty() && !files.keepsSites()) {
      throw ForeignWriter.refused(
          label(), "dictionaries that write several hook points", "keep it in Sluice's format");
    }
    if (dictionary.config().tokenNorm().isPresent() && !files.keepsTokenNorm()) {
      throw ForeignWriter.refused(
          label(),
          "dictionaries that normalise each token ("
              + dictionary.config().tokenNorm().get().kind().label()
              + ")",
          "convert to saelens, which has them, or keep it in Sluice's format");
    }
    OutputFolder.write(folder, config, fresh -> files.save(dictionary, fresh));
  }
}
