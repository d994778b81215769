package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.files.OutputFolder;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorPieces;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * Llamascopium: {@code config.json} and {@code sae_weights.safetensors}. The encoder does not
 * subtract the decoder bias; activations may be scaled by one number for the input and another for
 * the output, which the weights' file then holds; and by default features are selected by {@code f
 * · ‖decoder row‖}.
 *
 * <p>Files of 2025, when the library was called Language-Model-SAEs, have the weights of two linear
 * layers, and may subtract the decoder bias from the scaled input.
 */
final class Llamascopium implements FolderFormat {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "sae_weights.safetensors";
  private static final String NORM = "dataset_average_activation_norm.";
  private static final String THRESHOLD = "activation_function.log_jumprelu_threshold";

  /** Before the activation function was a module of its own. */
  private static final String OLD_THRESHOLD = "log_jumprelu_threshold";

  @Override
  public String label() {
    return "llamascopium";
  }

  @Override
  public String config() {
    return CONFIG;
  }

  @Override
  public String weights() {
    return WEIGHTS;
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    ForeignConfig config = ForeignConfig.read(folder.resolve(CONFIG));
    String type = config.text("sae_type", "sae");
    if (!type.equals("sae")) {
      throw config.unknown("sae_type", type, List.of("sae"));
    }
    if (config.bool("use_glu_encoder", false)) {
      throw config.wrong(
          "its encoder is gated by a second one (use_glu_encoder is true), which Sluice's are not");
    }
    int width = config.positive("d_model");
    double exact = width * config.number("expansion_factor");
    if (!(exact >= 1 && exact <= Integer.MAX_VALUE)) {
      throw config.wrong("expansion_factor makes " + exact + " features");
    }
    int features = (int) exact;
    String inputHook = config.text("hook_point_in");
    String outputHook = config.text("hook_point_out");
    boolean byNorm = config.bool("sparsity_include_decoder_norm", true);
    ForeignTensors tensors = new ForeignTensors(Safetensors.open(folder.resolve(WEIGHTS)), CONFIG);
    ActivationFunction activation = activation(config, tensors, features);
    boolean layers = hasLayers(tensors);
    boolean biased = config.bool("use_decoder_bias", true);
    boolean subtract = biased && config.bool("apply_decoder_bias_to_pre_encoder", false);
    DictionarySource dictionary =
        Conventions.withValueThresholds(
            new DictionarySource(
                new DictionaryConfig(
                    "",
                    TransformerLensNames.known(inputHook, origin.model().orElse("")),
                    TransformerLensNames.known(outputHook, origin.model().orElse("")),
                    width,
                    width,
                    features,
                    activation,
                    subtract,
                    byNorm),
                layers
                    ? tensors.rows("encoder.weight", features, width)
                    : tensors.transposed("W_E", features, width),
                tensors.segment(layers ? "encoder.bias" : "b_E", features),
                layers
                    ? tensors.transposed("decoder.weight", features, width)
                    : tensors.rows("W_D", features, width),
                biased
                    ? tensors.segment(layers ? "decoder.bias" : "b_D", width)
                    : ForeignTensors.allocate(width),
                null));
    double[] factors = factors(config, tensors, width, inputHook, outputHook);
    tensors.requireNoOthers("an autoencoder with act_fn '" + config.text("act_fn", "relu") + "'");
    if (factors[0] != factors[1]) {
      // The bias is in the units of the output, and would be subtracted from the input.
      dictionary = Conventions.subtracting(dictionary, false);
    }
    return Conventions.normalised(dictionary, factors[0], factors[1]);
  }

  /** Whether the weights are those of two linear layers. */
  private static boolean hasLayers(ForeignTensors tensors) {
    return tensors.has("encoder.weight") || tensors.has("decoder.weight");
  }

  private static ActivationFunction activation(
      ForeignConfig config, ForeignTensors tensors, int features) throws IOException {
    String function = config.text("act_fn", "relu").toLowerCase(java.util.Locale.ROOT);
    return switch (function) {
      case "relu" -> new ReLU();
      case "topk" -> new TopK(config.count("top_k", features));
      // Selected over the given batch: it keeps no threshold.
      case "batchtopk" -> new BatchTopK(config.count("top_k", features), OptionalDouble.empty());
      case "jumprelu" -> {
        String learned = hasLayers(tensors) ? OLD_THRESHOLD : THRESHOLD;
        if (!tensors.has(learned) && config.has("jump_relu_threshold")) {
          // One number for all features, before they were learned.
          yield new JumpReLU(Thresholds.uniform((float) config.number("jump_relu_threshold")));
        }
        float[] thresholds = tensors.vector(learned, features);
        for (int feature = 0; feature < features; feature++) {
          thresholds[feature] = (float) Math.min(Math.exp(thresholds[feature]), Float.MAX_VALUE);
        }
        yield new JumpReLU(Thresholds.of(thresholds));
      }
      default ->
          throw config.unknown(
              "act_fn", function, List.of("relu", "topk", "batchtopk", "jumprelu"));
    };
  }

  /** The factors of the activations, of input and output. */
  private static double[] factors(
      ForeignConfig config, ForeignTensors tensors, int width, String inputHook, String outputHook)
      throws IOException {
    String how = config.text("norm_activation", "dataset-wise");
    switch (how) {
      case "inference" -> {
        // The norms are left over from training, or were never set.
        for (String name : tensors.names()) {
          if (name.startsWith(NORM)) {
            tensors.ignore(name);
          }
        }
        return new double[] {1, 1};
      }
      case "dataset-wise" -> {
        double root = Math.sqrt(width);
        return new double[] {
          factor(tensors, config, root, inputHook), factor(tensors, config, root, outputHook)
        };
      }
      default ->
          throw config.wrong(
              "norm_activation is '"
                  + how
                  + "', which scales every token or batch in its own way and cannot be folded into"
                  + " the weights");
    }
  }

  private static double factor(
      ForeignTensors tensors, ForeignConfig config, double root, String hook) throws IOException {
    double norm = tensors.scalar(NORM + hook);
    if (!(norm > 0)) {
      throw config.wrong("the average norm of '" + hook + "' in " + WEIGHTS + " is " + norm);
    }
    return root / norm;
  }

  @Override
  public void save(DictionarySource given, Path folder) throws IOException {
    DictionarySource dictionary =
        Conventions.subtracting(Conventions.withValueThresholds(given), false);
    DictionaryConfig c = dictionary.config();
    if (c.inputWidth() != c.outputWidth()) {
      throw ForeignWriter.refused(
          "Llamascopium",
          "dictionaries of two widths, and this one reads %d and writes %d"
              .formatted(c.inputWidth(), c.outputWidth()),
          "keep it in Sluice's format");
    }
    List<TensorPieces> tensors = new ArrayList<>();
    tensors.add(
        ForeignWriter.transposed("W_E", dictionary.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.floats("b_E", dictionary.encoderBias(), c.features()));
    tensors.add(ForeignWriter.matrix("W_D", dictionary.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats("b_D", dictionary.decoderBias(), c.outputWidth()));
    ObjectNode json = ForeignConfig.object();
    json.put("sae_type", "sae");
    json.put("d_model", c.inputWidth());
    json.put("expansion_factor", expansion(c.features(), c.inputWidth()));
    json.put("use_decoder_bias", true);
    switch (c.activation()) {
      case Pursuit pursuit ->
          throw ForeignWriter.refused(
              "Llamascopium", "matching pursuit", "convert to saelens, which has them");
      case AbsTopK signed ->
          throw ForeignWriter.refused(
              "Llamascopium", "signed codes (abstopk)", "convert to saelens, which has them");
      case TopK(int k) -> {
        json.put("act_fn", "topk");
        json.put("top_k", k);
      }
      case ReLU relu -> json.put("act_fn", "relu");
      case JumpReLU(Thresholds thresholds) -> jump(json, tensors, c, thresholds);
      case Gated(Thresholds thresholds) -> jump(json, tensors, c, thresholds);
      case BatchTopK batch when batch.threshold().isPresent() ->
          jump(json, tensors, c, Thresholds.uniform((float) batch.threshold().getAsDouble()));
      case BatchTopK batch -> {
        json.put("act_fn", "batchtopk");
        json.put("top_k", batch.k());
      }
      default ->
          throw ForeignWriter.refused(
              "Llamascopium", "activation " + c.activation().label(), "keep it in Sluice's format");
    }
    json.put("norm_activation", "inference");
    json.put("sparsity_include_decoder_norm", c.scoreByDecoderNorm());
    json.put("hook_point_in", theirs(c.inputHook(), c));
    json.put("hook_point_out", theirs(c.outputHook(), c));
    json.put("use_glu_encoder", false);
    OutputFolder.make(folder);
    Safetensors.writePieces(folder.resolve(WEIGHTS), tensors, Map.of());
    ForeignConfig.write(folder.resolve(CONFIG), json);
  }

  /** A hook point by the name of TransformerLens, which the library uses too. */
  private static String theirs(String hook, DictionaryConfig c) {
    return TransformerLensNames.of(hook, c.model()).orElse(hook);
  }

  private static void jump(
      ObjectNode json, List<TensorPieces> tensors, DictionaryConfig c, Thresholds thresholds) {
    json.put("act_fn", "jumprelu");
    float[] logs = thresholds.toArray(c.features());
    for (int feature = 0; feature < logs.length; feature++) {
      // The logarithm of the smallest float stands for that of 0.
      logs[feature] = (float) Math.log(Math.max(logs[feature], Float.MIN_NORMAL));
    }
    tensors.add(ForeignWriter.floats(THRESHOLD, logs));
  }

  /** A factor whose product with the width, truncated, is the number of features. */
  private static double expansion(int features, int width) {
    double factor = (double) features / width;
    while ((int) (width * factor) < features) {
      factor = Math.nextUp(factor);
    }
    return factor;
  }
}
