package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;

/**
 * SAELens's registry of pretrained dictionaries, {@code pretrained_saes.yaml}: which folder of
 * which repository on the hub the names {@code RELEASE/SAE_ID} stand for. It is read from the
 * SAELens that is installed, since it changes with every release of that library.
 */
public final class SaeLensRegistry {
  /** The variable that names the registry's file. */
  public static final String VARIABLE = "SAELENS_REGISTRY";

  private static final String SCHEME = "saelens:";
  private static final String FILE = "sae_lens/pretrained_saes.yaml";

  /** Loaders of SAELens whose files are read here, too. */
  private static final Set<String> LOADERS =
      Set.of(
          "sae_lens",
          "gemma_2",
          "gemma_2_transcoder",
          "gemma_3",
          "llama_scope",
          "llama_scope_r1_distill",
          "dictionary_learning_1",
          "sparsify",
          "mwhanna_transcoder",
          "goodfire",
          "deepseek_r1",
          "qwen_scope",
          "connor_rob_hook_z");

  /** Settings that do not change what a dictionary computes. */
  private static final Set<String> HARMLESS =
      Set.of("dataset_path", ModelProcessing.SETTING, "neuronpedia_id", "model_name");

  private static final int NAMED = 3;

  /**
   * What a name stands for.
   *
   * @param place a folder or file of a repository on the hub, as {@code OWNER/NAME/PATH}
   * @param scale the factor of activations that the dictionary's own files do not hold, if there is
   *     one
   * @param centred whether the model was loaded with centred weights, if the registry says it in
   *     place of the dictionary's own files
   */
  public record Entry(String place, OptionalDouble scale, Optional<Boolean> centred) {}

  private final Path file;
  private final ForeignConfig releases;

  private SaeLensRegistry(Path file, ForeignConfig releases) {
    this.file = file;
    this.releases = releases;
  }

  /**
   * Looks up a name.
   *
   * @param name {@code saelens://RELEASE/SAE_ID}; or {@code RELEASE/SAE_ID}, if a registry is found
   *     that has the release
   * @param environment the variables that say where SAELens is installed
   * @return empty if it is no such name
   * @throws IOException if it begins with {@code saelens:} and no registry is found, the registry
   *     does not have it or is damaged, or its files are of a kind that is not read here
   */
  public static Optional<Entry> find(String name, Map<String, String> environment)
      throws IOException {
    boolean explicit = name.startsWith(SCHEME);
    String inside = explicit ? name.substring(SCHEME.length()).replaceFirst("^/+", "") : name;
    int slash = inside.indexOf('/');
    if (slash < 1) {
      if (explicit) {
        throw new IOException(
            "saelens://" + inside + ": names no dictionary; give saelens://RELEASE/SAE_ID");
      }
      return Optional.empty();
    }
    String release = inside.substring(0, slash);
    Optional<Path> file = file(environment);
    if (file.isEmpty()) {
      if (!explicit) {
        return Optional.empty();
      }
      // A path has lost one of the two slashes.
      throw new IOException(
          "saelens://"
              + inside
              + ": no SAELens is installed in VIRTUAL_ENV or CONDA_PREFIX, whose registry would say"
              + " which files these are; install sae-lens, or let "
              + VARIABLE
              + " name its pretrained_saes.yaml");
    }
    if (!explicit && !names(file.get(), release)) {
      return Optional.empty();
    }
    SaeLensRegistry registry = new SaeLensRegistry(file.get(), ForeignConfig.readYaml(file.get()));
    return Optional.of(registry.entry(release, inside.substring(slash + 1)));
  }

  /** Whether a line of the file begins a release of this name; most names are none. */
  private static boolean names(Path file, String release) throws IOException {
    try (var lines = Files.lines(file)) {
      return lines.anyMatch(line -> line.equals(release + ":"));
    } catch (java.io.UncheckedIOException e) {
      return false; // It is not a text.
    }
  }

  private static Optional<Path> file(Map<String, String> environment) throws IOException {
    String given = environment.getOrDefault(VARIABLE, "");
    if (!given.isBlank()) {
      return Optional.of(Path.of(given.strip()));
    }
    for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      String root = environment.getOrDefault(variable, "");
      if (root.isBlank()) {
        continue;
      }
      List<Path> packages = new ArrayList<>(List.of(Path.of(root, "Lib", "site-packages")));
      Path library = Path.of(root, "lib");
      if (Files.isDirectory(library)) {
        try (DirectoryStream<Path> pythons = Files.newDirectoryStream(library, "python3*")) {
          pythons.forEach(python -> packages.add(python.resolve("site-packages")));
        }
      }
      for (Path each : packages) {
        if (Files.isRegularFile(each.resolve(FILE))) {
          return Optional.of(each.resolve(FILE));
        }
      }
    }
    return Optional.empty();
  }

  private Entry entry(String release, String id) throws IOException {
    if (!releases.node(release).isObject()) {
      throw new IOException(
          "saelens://%s/%s: there is no release %s in %s"
              .formatted(release, id, Quoted.of(release), file));
    }
    ForeignConfig described = releases.within(release);
    Set<String> ids = new TreeSet<>();
    for (JsonNode dictionary : described.list("saes")) {
      if (dictionary.path("id").asText("").equals(id)) {
        requireRead(release, id, described);
        String path = dictionary.path("path").asText("").replaceFirst("^\\.?/?$", "");
        JsonNode scale = dictionary.path("norm_scaling_factor");
        boolean own = loader(described).equals("sae_lens");
        return new Entry(
            described.text("repo_id") + (path.isEmpty() ? "" : "/" + path),
            own && scale.isNumber()
                ? OptionalDouble.of(scale.doubleValue())
                : OptionalDouble.empty(),
            centred(release, id, described));
      }
      ids.add(dictionary.path("id").asText(""));
    }
    throw new IOException(
        "saelens://%s/%s: %s has no such dictionary among its %s: %s%s"
            .formatted(
                release,
                id,
                Quoted.of(release),
                ids.size(),
                String.join(", ", ids.stream().limit(NAMED).map(Quoted::of).toList()),
                ids.size() > NAMED ? ", …" : ""));
  }

  /** What the registry says in place of the files about how the model was loaded. */
  private static Optional<Boolean> centred(String release, String id, ForeignConfig described)
      throws IOException {
    ForeignConfig overrides = described.within("config_overrides");
    if (!overrides.has(ModelProcessing.SETTING)) {
      return Optional.empty();
    }
    try {
      boolean centred = ModelProcessing.isCentred(overrides.within(ModelProcessing.SETTING));
      if (centred && !loader(described).equals("sae_lens")) {
        throw overrides.wrong(
            ModelProcessing.CENTRED
                + " is overridden for the loader "
                + Quoted.of(loader(described))
                + ", which is done here for SAELens's own files only");
      }
      return Optional.of(centred);
    } catch (IOException e) {
      throw new IOException("saelens://%s/%s: %s".formatted(release, id, e.getMessage()), e);
    }
  }

  private static String loader(ForeignConfig described) throws IOException {
    return described.text("conversion_func", "sae_lens");
  }

  private void requireRead(String release, String id, ForeignConfig described) throws IOException {
    String loader = loader(described);
    if (!LOADERS.contains(loader)) {
      throw new IOException(
          "saelens://%s/%s: SAELens reads it with its loader %s, and no format here is the one of its files"
              .formatted(release, id, Quoted.of(loader)));
    }
    for (String setting : (Iterable<String>) described.node("config_overrides")::fieldNames) {
      if (!HARMLESS.contains(setting)) {
        throw new IOException(
            "saelens://%s/%s: %s overrides %s of the dictionary's own settings, which is not done here"
                .formatted(release, id, file, Quoted.of(setting)));
      }
    }
  }
}
