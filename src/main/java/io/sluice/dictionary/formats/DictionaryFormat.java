package io.sluice.dictionary.formats;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The formats of dictionaries on disk: Sluice's own and those of other libraries. */
public enum DictionaryFormat {
  /** {@code dictionary.json} and {@code dictionary.safetensors}. */
  SLUICE("sluice", "dictionary.json", "dictionary.safetensors") {
    @Override
    Dictionary load(Path folder, Origin origin) throws IOException {
      return Dictionary.load(folder);
    }

    @Override
    void save(Dictionary dictionary, Path folder) throws IOException {
      OutputFolder.make(folder);
      dictionary.save(folder);
    }
  },

  /** SAELens: {@code cfg.json} and {@code sae_weights.safetensors}. */
  SAELENS("saelens", "cfg.json", "sae_weights.safetensors") {
    @Override
    Dictionary load(Path folder, Origin origin) throws IOException {
      return SaeLens.load(folder, origin);
    }

    @Override
    void save(Dictionary dictionary, Path folder) throws IOException {
      SaeLensWriter.save(dictionary, folder);
    }
  },

  /** EleutherAI sparsify: {@code cfg.json} and {@code sae.safetensors}. */
  SPARSIFY("sparsify", "cfg.json", "sae.safetensors") {
    @Override
    Dictionary load(Path folder, Origin origin) throws IOException {
      return Sparsify.load(folder);
    }

    @Override
    void save(Dictionary dictionary, Path folder) throws IOException {
      Sparsify.save(dictionary, folder);
    }
  },

  /** Llamascopium: {@code config.json} and {@code sae_weights.safetensors}. */
  LLAMASCOPIUM("llamascopium", "config.json", "sae_weights.safetensors") {
    @Override
    Dictionary load(Path folder, Origin origin) throws IOException {
      return Llamascopium.load(folder);
    }

    @Override
    void save(Dictionary dictionary, Path folder) throws IOException {
      Llamascopium.save(dictionary, folder);
    }
  },

  /** dictionary_learning: {@code config.json} and {@code ae.pt}. */
  DICTIONARY_LEARNING("dictionary_learning", "config.json", "ae.pt") {
    @Override
    Dictionary load(Path folder, Origin origin) throws IOException {
      return DictionaryLearning.load(folder);
    }

    @Override
    void save(Dictionary dictionary, Path folder) throws IOException {
      DictionaryLearning.save(dictionary, folder);
    }
  };

  private final String label;
  private final String config;
  private final String weights;

  DictionaryFormat(String label, String config, String weights) {
    this.label = label;
    this.config = config;
    this.weights = weights;
  }

  abstract Dictionary load(Path folder, Origin origin) throws IOException;

  abstract void save(Dictionary dictionary, Path folder) throws IOException;

  /** The format's name on the command line. */
  public String label() {
    return label;
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
      if (format.label.equals(wanted)) {
        return format;
      }
    }
    throw new IllegalArgumentException(
        "unknown format '" + label + "'; known: " + DictionaryFormat.labels());
  }

  /**
   * The format of a folder, by the names of its files.
   *
   * @throws IOException if it has the files of none or of several
   */
  public static DictionaryFormat of(Path folder) throws IOException {
    List<DictionaryFormat> fitting =
        Arrays.stream(values())
            .filter(
                format ->
                    Files.isRegularFile(folder.resolve(format.config))
                        && Files.isRegularFile(folder.resolve(format.weights)))
            .toList();
    if (fitting.size() != 1) {
      throw new IOException(
          folder
              + (fitting.isEmpty()
                  ? ": holds no dictionary of a format that Sluice reads; they are "
                      + Arrays.stream(values())
                          .map(each -> each.label + " (" + each.config + ", " + each.weights + ")")
                          .collect(Collectors.joining(", "))
                  : ": holds dictionaries of several formats; name one: "
                      + fitting.stream()
                          .map(DictionaryFormat::label)
                          .collect(Collectors.joining(", "))));
    }
    return fitting.getFirst();
  }

  /**
   * Reads a dictionary. It computes the codes and reconstructions of its library: conventions of
   * biases and norms, and normalisation by one number, are converted to Sluice's. Normalisation of
   * each token stays ({@link DictionaryConfig#tokenNorm}).
   *
   * @param folder the folder with the format's two files
   * @param origin what the caller knows in addition
   * @throws IOException if a file is missing or damaged, a tensor is missing, unknown or of another
   *     shape than the config says, or a setting is not supported; the message names the file and
   *     the setting
   */
  public Dictionary read(Path folder, Origin origin) throws IOException {
    Dictionary dictionary;
    try {
      dictionary = load(folder, origin);
    } catch (IllegalArgumentException e) {
      throw new IOException(folder + ": " + e.getMessage(), e);
    }
    if (origin.activationScale().isPresent() && dictionary.config().tokenNorm().isPresent()) {
      throw new IOException(
          folder
              + ": normalises each token ("
              + dictionary.config().tokenNorm().get().kind().label()
              + "), so that no scale can be folded into its weights; leave out --activation-scale");
    }
    if (origin.activationScale().isPresent()) {
      try {
        dictionary = Conventions.scaled(dictionary, origin.activationScale().getAsDouble());
      } catch (IllegalArgumentException e) {
        throw new IOException(
            folder
                + ": cannot be converted to the activation scale "
                + origin.activationScale().getAsDouble()
                + ": "
                + e.getMessage(),
            e);
      }
    }
    DictionaryConfig config = dictionary.config();
    if (!config.sites().isEmpty()) {
      if (origin.inputHook().isPresent() || origin.outputHook().isPresent()) {
        throw new IOException(
            folder + ": writes several hook points, which cannot be renamed: " + config.sites());
      }
      return dictionary;
    }
    return new Dictionary(
        config.named(
            origin.model().orElse(config.model()),
            origin.inputHook().orElse(config.inputHook()),
            origin
                .outputHook()
                .orElse(
                    config.inputHook().equals(config.outputHook())
                        ? origin.inputHook().orElse(config.outputHook())
                        : config.outputHook())),
        dictionary.parameters(),
        dictionary.skip());
  }

  /**
   * Writes a dictionary atomically into a folder, which is created if necessary.
   *
   * @throws IllegalArgumentException if the format has no such dictionaries; nothing is then
   *     written
   * @throws IOException if the folder already has one of the format's files, or writing fails
   */
  public void write(Dictionary dictionary, Path folder) throws IOException {
    for (String name : List.of(config, weights)) {
      if (Files.exists(folder.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
        throw new FileAlreadyExistsException(
            folder.resolve(name)
                + (name.equals(weights) && !Files.exists(folder.resolve(config))
                    ? " (an incomplete dictionary without " + config + "; delete it)"
                    : " (choose another folder)"));
      }
    }
    if (dictionary.hasSkip() && !keepsSkip()) {
      throw ForeignWriter.refused(
          label, "skip connections", "convert to saelens or sparsify, which have them");
    }
    if (!dictionary.config().sites().isEmpty() && this != SLUICE) {
      throw ForeignWriter.refused(
          label, "dictionaries that write several hook points", "keep it in Sluice's format");
    }
    if (dictionary.config().tokenNorm().isPresent() && this != SLUICE && this != SAELENS) {
      throw ForeignWriter.refused(
          label,
          "dictionaries that normalise each token ("
              + dictionary.config().tokenNorm().get().kind().label()
              + ")",
          "convert to saelens, which has them, or keep it in Sluice's format");
    }
    OutputFolder.write(folder, config, fresh -> save(dictionary, fresh));
  }

  private boolean keepsSkip() {
    return this == SLUICE || this == SAELENS || this == SPARSIFY;
  }
}
