package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.files.Quoted;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * circuit-tracer's transcoder sets: {@code config.yaml} with the model and the places that all
 * layers read and write, and {@code layer_3.safetensors} with the transcoder of layer 3, whose
 * matrices are feature-major. A dictionary is named by its layer's file. The decoder bias is not
 * subtracted from the input, and a skip connection reads the input itself.
 *
 * <p>{@code activation: topk} is refused: it keeps the k largest pre-activations even where they
 * are negative, and no activation function here does.
 */
final class CircuitTracer implements DictionaryReader {
  private static final String CONFIG = "config.yaml";
  private static final Pattern LAYER = Pattern.compile("layer_(\\d{1,4})\\.safetensors");
  private static final String FIRST = "layer_0.safetensors";
  private static final String THRESHOLD = "activation_function.threshold";

  @Override
  public String label() {
    return "circuit_tracer";
  }

  @Override
  public String files() {
    return CONFIG + ", layer_N.safetensors";
  }

  /** Only the configuration, where it lists transcoders of other repositories. */
  @Override
  public List<String> inFolder(Set<String> names) {
    boolean alone =
        names.stream().noneMatch(name -> name.matches(".*\\.(safetensors|npz|pt|pth|bin|json)"));
    return names.contains(CONFIG) && alone ? List.of(CONFIG) : List.of();
  }

  @Override
  public List<String> ofFile(String file, Set<String> names) {
    return names.contains(CONFIG) && LAYER.matcher(file).matches()
        ? List.of(CONFIG, file)
        : List.of();
  }

  @Override
  public Optional<String> rather(String folder, Set<String> names) {
    if (!names.contains(CONFIG) || !names.contains(FIRST)) {
      return Optional.empty();
    }
    long layers = names.stream().filter(name -> LAYER.matcher(name).matches()).count();
    return Optional.of(
        "holds a transcoder for each of %s layers; name the file of one: %s/%s"
            .formatted(layers, folder, FIRST));
  }

  @Override
  public DictionarySource open(Path place, Origin origin) throws IOException {
    if (Files.isDirectory(place)) {
      throw elsewhere(ForeignConfig.readYaml(place.resolve(CONFIG)));
    }
    Matcher layer = LAYER.matcher(place.getFileName().toString());
    ForeignConfig config = ForeignConfig.readYaml(place.toAbsolutePath().resolveSibling(CONFIG));
    String kind = config.text("model_kind");
    if (!kind.equals("transcoder_set") || !layer.matches()) {
      throw config.unknown("model_kind", kind, List.of("transcoder_set"));
    }
    ForeignTensors tensors = ForeignTensors.measuredBy(Safetensors.open(place), "W_enc");
    int[] sides = tensors.sides("W_enc");
    int features = sides[0];
    int width = sides[1];
    int outputWidth = tensors.sides("W_dec")[1];
    String model = config.text("model_name", "");
    String block = "blocks." + layer.group(1) + ".";
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    model,
                    TransformerLensNames.known(block + config.text("feature_input_hook"), model),
                    TransformerLensNames.known(block + config.text("feature_output_hook"), model),
                    width,
                    outputWidth,
                    features,
                    activation(config, tensors, features),
                    false,
                    false)
                .withPrependBos(Optional.of(true)),
            tensors.rows("W_enc", features, width),
            tensors.segment("b_enc", features),
            tensors.rows("W_dec", features, outputWidth),
            tensors.segment("b_dec", outputWidth),
            tensors.has("W_skip") ? tensors.matrix("W_skip", outputWidth, width) : null);
    tensors.requireNoOthers("a transcoder of circuit-tracer");
    return dictionary;
  }

  private static ActivationFunction activation(
      ForeignConfig config, ForeignTensors tensors, int features) throws IOException {
    String function = config.text("activation", tensors.has(THRESHOLD) ? "jump_relu" : "relu");
    return switch (function) {
      case "relu" -> new ReLU();
      case "topk" ->
          throw config.wrong(
              "activation is 'topk', which keeps the k largest pre-activations there even if they"
                  + " are negative; codes here are positive, so tokens with fewer positive ones"
                  + " would be encoded in another way");
      case "jump_relu" -> {
        float[] thresholds = tensors.vector(THRESHOLD, features);
        for (int feature = 0; feature < features; feature++) {
          if (thresholds[feature] < 0) {
            throw tensors.wrong(
                "the threshold of feature %s is %s, so that it fires with negative values, which"
                        .formatted(feature, thresholds[feature])
                    + " no feature does here");
          }
        }
        yield new JumpReLU(Thresholds.of(thresholds));
      }
      default -> throw config.unknown("activation", function, List.of("relu", "jump_relu"));
    };
  }

  /** The configuration of a set whose transcoders were published by others. */
  private static IOException elsewhere(ForeignConfig config) throws IOException {
    for (JsonNode transcoder : config.list("transcoders")) {
      // A dictionary of Gemma Scope is named by its folder.
      String name = transcoder.asText("").replaceFirst("/params\\.(npz|safetensors)$", "");
      return config.wrong(
          "lists transcoders of other repositories; name one of them, such as " + Quoted.of(name));
    }
    return config.wrong("is a configuration without transcoders beside it");
  }
}
