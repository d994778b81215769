package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Llama Scope, as Llamascopium wrote it in 2024: {@code hyperparams.json}, and the weights in
 * {@code checkpoints/final.safetensors}, those of two linear layers.
 *
 * <p>The library of that time folded the average norms into biases and decoder alone when it loaded
 * a dictionary ({@code standardize_parameters_of_dataset_activation_scaling}), then made the
 * decoder rows unit vectors ({@code transform_to_unit_decoder_norm}). The threshold is one of the
 * codes after that, and so are the codes here.
 */
final class LlamaScope implements DictionaryReader {
  private static final String CONFIG = "hyperparams.json";

  /** In the order in which the library looks for them. */
  private static final List<String> WEIGHTS =
      List.of(
          "sae_weights.safetensors",
          "checkpoints/pruned.safetensors",
          "checkpoints/final.safetensors",
          "final.safetensors");

  private static final String NORM = "norm_activation";
  private static final String NORMS = "dataset_average_activation_norm";
  private static final Pattern MODEL = Pattern.compile("Llama3_1-8B-Base-L");

  @Override
  public String label() {
    return "llama_scope";
  }

  @Override
  public String files() {
    return CONFIG + ", checkpoints/final.safetensors";
  }

  @Override
  public List<String> inFolder(Set<String> names) {
    if (!names.contains(CONFIG)) {
      return List.of();
    }
    return WEIGHTS.stream()
        .filter(names::contains)
        .findFirst()
        .map(weights -> List.of(CONFIG, weights))
        .orElse(List.of());
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    ForeignConfig config = ForeignConfig.read(folder.resolve(CONFIG));
    config.requireOff("use_glu_encoder", "its encoder is gated by a second one, as none is here");
    int width = config.positive("d_model");
    int features =
        config.has("d_sae")
            ? config.positive("d_sae")
            : config.product(width, config.positive("expansion_factor"));
    List<String> files = inFolder(PlacedFiles.in(folder));
    Path weights = folder.resolve(files.isEmpty() ? WEIGHTS.get(2) : files.getLast());
    ForeignTensors tensors = new ForeignTensors(Safetensors.open(weights), CONFIG);
    String model =
        PublishedPlaces.inPath(folder, MODEL).map(found -> "meta-llama/Llama-3.1-8B").orElse("");
    String reads = TransformerLensNames.known(config.text("hook_point_in"), model);
    String writes = TransformerLensNames.known(config.text("hook_point_out"), model);
    double read = factor(config, width, "in");
    double written = factor(config, width, "out");
    boolean biased = config.bool("use_decoder_bias", tensors.has("decoder.bias"));
    MemorySegment decoderBias =
        biased ? tensors.segment("decoder.bias", width) : ForeignTensors.allocate(width);
    boolean subtract = false;
    if (biased) {
      if (!config.has("apply_decoder_bias_to_pre_encoder")) {
        throw config.wrong("'apply_decoder_bias_to_pre_encoder' is missing");
      }
      subtract = config.bool("apply_decoder_bias_to_pre_encoder", false);
    }
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    model,
                    reads,
                    writes,
                    width,
                    width,
                    features,
                    activation(config, features),
                    subtract,
                    false)
                .withPrependBos(Optional.of(true)),
            tensors.rows("encoder.weight", features, width),
            Conventions.times(tensors.segment("encoder.bias", features), 1 / read),
            tensors
                .transposed("decoder.weight", features, width)
                .then((first, rows) -> Conventions.multiply(rows, read / written)),
            Conventions.times(decoderBias, 1 / written),
            null);
    tensors.requireNoOthers("a dictionary of Llama Scope");
    return config.bool("sparsity_include_decoder_norm", true)
        ? Conventions.withUnitDecoder(dictionary)
        : dictionary;
  }

  private static ActivationFunction activation(ForeignConfig config, int features)
      throws IOException {
    String function = config.text("act_fn").toLowerCase(Locale.ROOT);
    double threshold = config.has("jump_relu_threshold") ? config.number("jump_relu_threshold") : 0;
    // A threshold that was found after training replaces k.
    if (function.equals("jumprelu") || function.equals("topk") && threshold > 0) {
      if (!(threshold >= 0 && threshold <= Float.MAX_VALUE)) {
        throw config.wrong(
            "jump_relu_threshold is " + threshold + ", where features fire with positive values");
      }
      return new JumpReLU(Thresholds.uniform((float) threshold));
    }
    return switch (function) {
      case "relu" -> new ReLU();
      case "topk" -> new TopK(config.count("top_k", features));
      default -> throw config.unknown("act_fn", function, List.of("relu", "topk", "jumprelu"));
    };
  }

  /** By what activations are multiplied so that their norm is √d on average. */
  private static double factor(ForeignConfig config, int width, String side) throws IOException {
    String how = config.text(NORM);
    return switch (how) {
      case "inference", "none" -> 1;
      case "dataset-wise" -> {
        double norm = config.within(NORMS).number(side);
        if (!(norm > 0 && Double.isFinite(norm))) {
          throw config.wrong("'" + side + "' of '" + NORMS + "' is " + norm);
        }
        yield Math.sqrt(width) / norm;
      }
      default ->
          throw config.wrong(
              NORM
                  + " is '"
                  + how
                  + "', which scales every token or batch in its own way and cannot be folded into"
                  + " the weights");
    };
  }
}
