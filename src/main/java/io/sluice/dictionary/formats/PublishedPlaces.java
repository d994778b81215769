package io.sluice.dictionary.formats;

import io.sluice.store.TransformerLensNames;
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

  private PublishedPlaces() {}

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
