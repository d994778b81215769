package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.files.Quoted;
import io.sluice.weights.PyTorchFile;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * OpenAI's sparse_autoencoder: one file that {@code torch.save} wrote, with two linear layers,
 * {@code pre_bias}, which the encoder subtracts and the decoder adds, and {@code latent_bias}; the
 * activation function is a text among them. Where that is TopK, each token is normalised first, and
 * its reconstruction brought back ({@code LN}, which is SAELens's {@code layer_norm}).
 */
final class OpenAi {
  /** What training counted. */
  private static final List<String> COUNTS =
      List.of("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square");

  private static final Map<String, String> PLACES =
      Map.of(
          "mlp_post_act", "mlp_act",
          "resid_delta_attn", "attn_out",
          "resid_delta_mlp", "mlp_out",
          "resid_post_attn", "resid_mid",
          "resid_post_mlp", "resid");

  /** Where the files lie in OpenAI's store. */
  private static final Pattern STORED =
      Pattern.compile(
          "("
              + String.join("|", PLACES.keySet())
              + ")(?:_v\\d+(?:_\\d+k)?)?/autoencoders/(\\d{1,4})\\.pt$");

  private OpenAi() {}

  static DictionarySource open(PyTorchFile opened) throws IOException {
    ForeignTensors tensors = ForeignTensors.measuredBy(opened, "encoder.weight");
    int[] sides = tensors.sides("encoder.weight");
    int features = sides[0];
    int width = sides[1];
    ActivationFunction activation = activation(tensors, opened.settings(), features);
    COUNTS.forEach(tensors::ignore);
    Optional<MatchResult> stored = PublishedPlaces.inPath(opened.path(), STORED);
    String hook =
        stored
            .map(found -> "layers." + found.group(2) + "." + PLACES.get(found.group(1)))
            .orElse("");
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    stored.isPresent() ? "openai-community/gpt2" : "",
                    hook,
                    hook,
                    width,
                    width,
                    features,
                    activation,
                    true,
                    false)
                .withTokenNorm(
                    activation instanceof TopK
                        ? Optional.of(new TokenNorm(TokenNorm.Kind.LAYER_NORM, true))
                        : Optional.empty()),
            tensors.rows("encoder.weight", features, width),
            tensors.segment("latent_bias", features),
            tensors.transposed("decoder.weight", features, width),
            tensors.segment("pre_bias", width),
            null);
    tensors.requireNoOthers("an autoencoder of OpenAI's");
    return dictionary;
  }

  private static ActivationFunction activation(
      ForeignTensors tensors, Map<String, String> settings, int features) throws IOException {
    String name = settings.getOrDefault("activation", "ReLU");
    if (name.equals("ReLU")) {
      return new ReLU();
    }
    String after = settings.getOrDefault("activation_state_dict.postact_fn", "ReLU");
    if (!name.equals("TopK") || !after.equals("ReLU")) {
      throw tensors.wrong(
          "unknown activation "
              + Quoted.of(name)
              + (name.equals("TopK") ? " with " + Quoted.of(after) : "")
              + "; known: ReLU, TopK with ReLU");
    }
    String k = settings.getOrDefault("activation_state_dict.k", "missing");
    if (!k.matches("[1-9][0-9]{0,8}") || Integer.parseInt(k) > features) {
      throw tensors.wrong(
          "k is " + Quoted.of(k) + ", not a number from 1 to the " + features + " features");
    }
    return new TopK(Integer.parseInt(k));
  }
}
