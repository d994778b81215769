package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.NumpyArchive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Gemma Scope: {@code params.npz} with {@code W_enc [d_in, d_sae]}, {@code W_dec [d_sae, d_out]},
 * two biases and a threshold per feature; JumpReLU, and the decoder bias is not subtracted from the
 * input. There is no config: model, layer and place are in the names of the repository and its
 * folders, as {@code gemma-scope-2b-pt-res/layer_12/width_16k/average_l0_22}.
 */
final class GemmaScope implements DictionaryReader {
  private static final String WEIGHTS = "params.npz";
  private static final String SCALING = "scaling_factor";

  private static final Pattern REPOSITORY =
      Pattern.compile("gemma-scope-(2b|9b|27b)-(pt|it)-(res|mlp|att|transcoders)(?=/|$)");
  private static final Pattern LAYER = Pattern.compile("/layer_(\\d{1,4})(?=/|$)");

  private static final Map<String, String> READS =
      Map.of(
          "res", "hook_resid_post",
          "mlp", "hook_mlp_out",
          "att", "attn.hook_z",
          "transcoders", "ln2.hook_normalized");

  @Override
  public String label() {
    return "gemma_scope";
  }

  @Override
  public String files() {
    return WEIGHTS;
  }

  @Override
  public List<String> inFolder(Set<String> names) {
    return names.contains(WEIGHTS) ? List.of(WEIGHTS) : List.of();
  }

  @Override
  public List<String> ofFile(String file, Set<String> names) {
    return file.endsWith(".npz") ? List.of(file) : List.of();
  }

  @Override
  public DictionarySource open(Path place, Origin origin) throws IOException {
    Path file = Files.isDirectory(place) ? place.resolve(WEIGHTS) : place;
    NumpyArchive archive = NumpyArchive.open(file);
    // Some files have names in small letters.
    boolean small = archive.contains("w_dec");
    String encoder = small ? "w_enc" : "W_enc";
    String decoder = small ? "w_dec" : "W_dec";
    ForeignTensors tensors = ForeignTensors.measuredBy(archive, decoder);
    int[] sides = tensors.sides(decoder);
    int features = sides[0];
    int width = tensors.sides(encoder)[0];
    Place found = Place.of(place);
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    found.model,
                    found.reads,
                    found.writes,
                    width,
                    sides[1],
                    features,
                    new JumpReLU(Thresholds.of(tensors.vector("threshold", features))),
                    false,
                    false)
                .withPrependBos(Optional.of(true)),
            tensors.transposed(encoder, features, width),
            tensors.segment("b_enc", features),
            tensors.rows(decoder, features, sides[1]),
            tensors.segment("b_dec", sides[1]),
            null);
    if (tensors.has(SCALING)) {
      float[] factors = tensors.vector(SCALING, features);
      dictionary = Conventions.withDecoderTimes(dictionary, factors);
    }
    tensors.requireNoOthers("a dictionary of Gemma Scope");
    return dictionary;
  }

  /** The model and the hook points; empty texts where the path does not say. */
  private record Place(String model, String reads, String writes) {
    static Place of(Path place) {
      Optional<MatchResult> repository = PublishedPlaces.inPath(place, REPOSITORY);
      if (repository.isEmpty()) {
        return new Place("", "", "");
      }
      String size = repository.get().group(1);
      String model =
          "google/gemma-2-" + size + (repository.get().group(2).equals("it") ? "-it" : "");
      String kind = repository.get().group(3);
      Optional<MatchResult> layer = PublishedPlaces.inPath(place, LAYER);
      if (layer.isEmpty()) {
        // Those of the embedding, which they read before it is scaled.
        return new Place(model, "hook_embed", "hook_embed");
      }
      String block = "blocks." + layer.get().group(1) + ".";
      String reads = TransformerLensNames.known(block + READS.get(kind), model);
      return new Place(
          model,
          reads,
          kind.equals("transcoders")
              ? TransformerLensNames.known(block + "hook_mlp_out", model)
              : reads);
    }
  }
}
