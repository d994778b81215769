package io.sluice.dictionary.formats;

import io.sluice.store.names.TransformerLensNames;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where published dictionaries belong, from the names that repositories, files and other libraries
 * give to places of a model. A place that has no hook point here keeps the name it was given.
 */
final class PublishedPlaces {
  /** Modules of a layer in {@code transformers}, whose input or output a dictionary reads. */
  private static final Map<String, String> OF_TRANSFORMERS =
      Map.of(
          "output", "hook_resid_post",
          "self_attn.o_proj.input", "attn.hook_z",
          "pre_feedforward_layernorm.output", "mlp.hook_in",
          "post_feedforward_layernorm.output", "hook_mlp_out");

  private static final Pattern MODULE = Pattern.compile("model\\.layers\\.(\\d{1,4})\\.(.+)");

  /**
   * Repositories of SAELens's dictionaries that read centred activations, of which its registry
   * says so and their own files do not.
   */
  private static final Pattern CENTRED =
      Pattern.compile(
          "(?<=/|--)(GPT2-Small-SAEs-Reformatted|gpt2-small-mlp-out-saes"
              + "|GPT2-Small-Feature-Splitting-Experiment-Layer-8)(?=/|$)");

  private PublishedPlaces() {}

  /** Whether a dictionary is of a repository that says so nowhere; empty if it may say it. */
  static Optional<Boolean> centred(Path place) {
    return inPath(place, CENTRED).map(repository -> true);
  }

  /** The hook point of the output or input of a module in {@code transformers}. */
  static String ofTransformers(String name, String model) {
    Matcher module = MODULE.matcher(name);
    String theirs = module.matches() ? OF_TRANSFORMERS.get(module.group(2)) : null;
    return theirs == null
        ? name
        : TransformerLensNames.known("blocks." + module.group(1) + "." + theirs, model);
  }

  /**
   * What a pattern finds in the path of a dictionary: the names of its repository in the cache of
   * the hub, or of the folders that it was copied to. The last occurrence counts.
   */
  static Optional<MatchResult> inPath(Path place, Pattern pattern) {
    // On Windows, too.
    String path = place.toAbsolutePath().normalize().toString().replace('\\', '/');
    Matcher matcher = pattern.matcher(path);
    MatchResult last = null;
    while (matcher.find()) {
      last = matcher.toMatchResult();
    }
    return Optional.ofNullable(last);
  }
}
