package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Gemma Scope 2: {@code params.safetensors} with {@code w_enc [d_in, d_sae]}, {@code w_dec [d_sae,
 * d_out]}, two biases and a threshold per feature, and for affine transcoders {@code
 * affine_skip_connection [d_in, d_out]}; JumpReLU, and the decoder bias is not subtracted from the
 * input. Its {@code config.json} names the model and the modules of {@code transformers} that it
 * reads and writes; where it is missing, the names of repository and folder say the same.
 *
 * <p>Crosscoders and cross-layer transcoders of the same repositories are refused.
 */
final class GemmaScope2 implements DictionaryReader {
  static final String WEIGHTS = "params.safetensors";
  private static final String CONFIG = "config.json";
  private static final String SKIP = "affine_skip_connection";

  private static final Pattern REPOSITORY =
      Pattern.compile("gemma-scope-2-(270m|1b|4b|12b|27b)-(pt|it)(?=/|$)");
  private static final Pattern FOLDER =
      Pattern.compile("/(resid_post|attn_out|mlp_out|transcoder)(?:_all)?/layer_(\\d{1,4})_");

  /** What a folder's dictionaries read, by TransformerLens's names. */
  private static final Map<String, String> READS =
      Map.of(
          "resid_post", "hook_resid_post",
          "attn_out", "attn.hook_z",
          "mlp_out", "hook_mlp_out",
          "transcoder", "mlp.hook_in");

  @Override
  public String label() {
    return "gemma_scope_2";
  }

  @Override
  public String files() {
    return CONFIG + ", " + WEIGHTS;
  }

  @Override
  public List<String> inFolder(Set<String> names) {
    if (!names.contains(WEIGHTS)) {
      return List.of();
    }
    return names.contains(CONFIG) ? List.of(CONFIG, WEIGHTS) : List.of(WEIGHTS);
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    Place found = Place.of(folder);
    ForeignTensors tensors =
        ForeignTensors.measuredBy(Safetensors.open(folder.resolve(WEIGHTS)), "w_dec");
    int[] sides = tensors.sides("w_dec");
    int features = sides[0];
    int width = tensors.sides("w_enc")[0];
    MemorySegment skip = null;
    // Without the tensor that the config promises, its output would be that of another dictionary.
    if (found.isAffine || tensors.has(SKIP)) {
      skip = ForeignTensors.allocate((long) width * sides[1]);
      tensors.transposed(SKIP, sides[1], width).read(0, skip);
    }
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
            tensors.transposed("w_enc", features, width),
            tensors.segment("b_enc", features),
            tensors.rows("w_dec", features, sides[1]),
            tensors.segment("b_dec", sides[1]),
            skip);
    tensors.requireNoOthers("a dictionary of Gemma Scope 2");
    return dictionary;
  }

  /**
   * The model and the hook points; empty texts where neither config nor path says.
   *
   * @param isAffine whether the config says that there is a skip connection
   */
  private record Place(String model, String reads, String writes, boolean isAffine) {
    static Place of(Path folder) throws IOException {
      return Files.exists(folder.resolve(CONFIG))
          ? of(ForeignConfig.read(folder.resolve(CONFIG)))
          : named(folder);
    }

    private static Place of(ForeignConfig config) throws IOException {
      String architecture = config.text("architecture", "jump_relu");
      if (!architecture.equals("jump_relu")) {
        throw config.unknown("architecture", architecture, List.of("jump_relu"));
      }
      String type = config.text("type", "sae");
      if (!type.equals("sae") && !type.equals("transcoder")) {
        throw config.unknown("type", type, List.of("sae", "transcoder"));
      }
      String model = config.text("model_name", "").replace("-v3", "-3");
      if (!model.isEmpty() && !model.contains("/")) {
        model = "google/" + model;
      }
      String reads = config.text("hf_hook_point_in", "");
      String writes = config.text("hf_hook_point_out", reads);
      return new Place(
          model,
          PublishedPlaces.ofTransformers(reads, model),
          PublishedPlaces.ofTransformers(writes, model),
          config.bool("affine_connection", false));
    }

    private static Place named(Path folder) {
      Optional<MatchResult> repository = PublishedPlaces.inPath(folder, REPOSITORY);
      Optional<MatchResult> kind = PublishedPlaces.inPath(folder, FOLDER);
      String model =
          repository
              .map(found -> "google/gemma-3-" + found.group(1) + "-" + found.group(2))
              .orElse("");
      if (kind.isEmpty()) {
        return new Place(model, "", "", false);
      }
      String block = "blocks." + kind.get().group(2) + ".";
      String what = kind.get().group(1);
      String reads = TransformerLensNames.known(block + READS.get(what), model);
      return new Place(
          model,
          reads,
          what.equals("transcoder")
              ? TransformerLensNames.known(block + "hook_mlp_out", model)
              : reads,
          false);
    }
  }
}
