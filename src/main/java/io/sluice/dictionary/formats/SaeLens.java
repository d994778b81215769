package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * SAELens: {@code cfg.json} with an architecture, {@code sae_weights.safetensors} with {@code W_enc
 * [d_in, d_sae]} and {@code W_dec [d_sae, d_out]}. The config says whether the decoder bias is
 * subtracted from the input, and for TopK whether codes are multiplied by the norm of their decoder
 * row before the selection.
 *
 * <p>Dictionaries trained with BatchTopK, nested (Matryoshka) or not, are used as JumpReLU with one
 * threshold; the metadata have the training's architecture, its k and the widths of nested
 * dictionaries.
 *
 * <p>{@code normalize_activations} may normalise each token separately, before the decoder bias is
 * subtracted. Autoencoders undo it after the bias is added; transcoders do not. {@link
 * ModelProcessing} says when tokens are centred before that.
 */
final class SaeLens implements FolderFormat {
  static final String CONFIG = "cfg.json";
  static final String WEIGHTS = "sae_weights.safetensors";

  /**
   * The version of the files that are written; readers treat configs without a version as older
   * ones.
   */
  static final String VERSION = "6.54.12";

  static final String PURSUIT = "matching_pursuit";
  static final String BATCH = "batchtopk";
  static final String MATRYOSHKA = "matryoshka_batchtopk";
  static final String WIDTHS = "matryoshka_widths";
  static final String TRAINED = "training_architecture";
  private static final String SCALING = "scaling_factor";
  private static final String AVERAGE = "expected_average_only_in";
  static final String DETAILS = "training_architecture_details";

  /** What {@code normalize_activations} may do to each token. */
  private static final List<String> NORMS =
      List.of(TokenNorm.Kind.LAYER_NORM.label(), TokenNorm.Kind.CONSTANT_NORM_RESCALE.label());

  private static final List<String> KNOWN =
      List.of(
          "standard",
          "topk",
          "abstopk",
          BATCH,
          MATRYOSHKA,
          "jumprelu",
          "gated",
          PURSUIT,
          "transcoder",
          "skip_transcoder",
          "jumprelu_transcoder",
          "jumprelu_skip_transcoder");

  @Override
  public String label() {
    return "saelens";
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
  public boolean keepsSkip() {
    return true;
  }

  @Override
  public boolean keepsTokenNorm() {
    return true;
  }

  @Override
  public void save(DictionarySource dictionary, Path folder) throws IOException {
    SaeLensWriter.save(dictionary, folder);
  }

  @Override
  public DictionarySource open(Path folder, Origin origin) throws IOException {
    ForeignConfig config = ForeignConfig.read(folder.resolve(CONFIG));
    String architecture = architecture(config);
    int width = config.positive("d_in");
    int features = config.positive("d_sae");
    boolean transcoder = architecture.endsWith("transcoder");
    int outputWidth = transcoder ? config.positive("d_out") : width;
    Optional<TokenNorm> norm = norm(config, transcoder, origin);
    requireKnownSettings(config, transcoder);
    ForeignTensors tensors = new ForeignTensors(Safetensors.open(folder.resolve(WEIGHTS)), CONFIG);
    float[] scaling = scaling(config, tensors, features);
    Hooks hooks = Hooks.of(config, transcoder, origin);
    if (isCentred(config, hooks, transcoder, origin)) {
      norm = Optional.of(ModelProcessing.centred(config, norm));
    }
    if (architecture.equals(PURSUIT)) {
      return pursuit(config, tensors, hooks, norm, width, features);
    }
    WeightRows encoder = tensors.transposed("W_enc", features, width);
    MemorySegment encoderBias;
    ActivationFunction activation;
    boolean rescaled = config.bool("rescale_acts_by_decoder_norm", false);
    if (architecture.equals("gated")) {
      float[] bias = tensors.vector("b_mag", features);
      float[] gateBias = tensors.vector("b_gate", features);
      float[] logScale = tensors.vector("r_mag", features);
      activation = Gate.activation(logScale, gateBias, bias);
      encoder = Gate.magnitude(encoder, width, logScale);
      encoderBias = ForeignTensors.segment(bias);
    } else {
      encoderBias = tensors.segment("b_enc", features);
      activation = activation(config, architecture, tensors, features);
    }
    WeightRows decoder = tensors.rows("W_dec", features, outputWidth);
    MemorySegment decoderBias = tensors.segment("b_dec", outputWidth);
    MemorySegment skip =
        architecture.endsWith("skip_transcoder")
            ? tensors.matrix("W_skip", outputWidth, width)
            : null;
    tensors.requireNoOthers("a dictionary of architecture '" + architecture + "'");
    ForeignConfig training = training(config, architecture);
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    hooks.model,
                    hooks.read,
                    hooks.written,
                    width,
                    outputWidth,
                    features,
                    fitting(config, learned(activation, training, features), features),
                    !transcoder && config.bool("apply_b_dec_to_input", true),
                    rescaled)
                .withPrefixes(prefixes(training, features))
                .withPrependBos(hooks.prependBos)
                .withTokenNorm(norm),
            encoder,
            encoderBias,
            decoder,
            decoderBias,
            skip);
    if (scaling != null) {
      dictionary = Conventions.withDecoderTimes(dictionary, scaling);
    }
    // SAELens's activations are the rescaled ones, so the norms move to the encoder.
    return rescaled ? Conventions.withUnitDecoder(dictionary) : dictionary;
  }

  /** The settings of its training: the config of a checkpoint, or the metadata. */
  private static ForeignConfig training(ForeignConfig config, String architecture)
      throws IOException {
    ForeignConfig metadata = metadata(config);
    String trained = metadata.text(TRAINED, "");
    return trained.equals(BATCH) || trained.equals(MATRYOSHKA)
        ? metadata.within(DETAILS)
        : architecture.equals(MATRYOSHKA) ? config : config.within("");
  }

  /** BatchTopK if it was trained so and one threshold replaces the batch. */
  private static ActivationFunction learned(
      ActivationFunction activation, ForeignConfig training, int features) throws IOException {
    if (!(activation instanceof JumpReLU(Thresholds thresholds)) || !training.has("k")) {
      return activation;
    }
    float[] values = thresholds.toArray(features);
    for (float value : values) {
      if (value != values[0] || value < 0) {
        return activation;
      }
    }
    double k = training.number("k");
    return k > features ? activation : new BatchTopK(count(k), OptionalDouble.of(values[0]));
  }

  /** It may be a fraction, as a mean over tokens. */
  private static int count(double k) {
    return Math.max(1, (int) Math.round(k));
  }

  /** The ends of nested dictionaries without the last, which is the whole. */
  private static List<Integer> prefixes(ForeignConfig training, int features) throws IOException {
    List<Integer> prefixes = new ArrayList<>();
    int last = 0;
    for (JsonNode width : training.list(WIDTHS)) {
      if (!width.isIntegralNumber() || !width.canConvertToInt() || width.intValue() <= last) {
        throw training.wrong(
            "'" + WIDTHS + "' is not an ascending list of positive 32-bit integers");
      }
      last = width.intValue();
      // A dictionary cut to its first features lacks the larger ones.
      if (last < features) {
        prefixes.add(last);
      }
    }
    return prefixes;
  }

  /**
   * Matching pursuit: the encoder is the decoder, and without a bias at the input there is none at
   * the output.
   */
  private static DictionarySource pursuit(
      ForeignConfig config,
      ForeignTensors tensors,
      Hooks hooks,
      Optional<TokenNorm> norm,
      int width,
      int features)
      throws IOException {
    if (!config.bool("stop_on_duplicate_support", true)) {
      throw config.wrong(
          "stop_on_duplicate_support is false; Sluice's matching pursuit ends with a feature that"
              + " was picked before");
    }
    boolean biased = config.bool("apply_b_dec_to_input", true);
    // The config's sizes are checked against the tensors before memory is allocated.
    WeightRows decoder = tensors.rows("W_dec", features, width);
    MemorySegment bias = tensors.segment("b_dec", width);
    tensors.requireNoOthers("a dictionary of architecture '" + PURSUIT + "'");
    int iterations = config.has("max_iterations") ? config.positive("max_iterations") : width;
    double residual = config.has("residual_threshold") ? config.number("residual_threshold") : 0.01;
    return new DictionarySource(
        new DictionaryConfig(
                hooks.model,
                hooks.read,
                hooks.written,
                width,
                width,
                features,
                new Pursuit(iterations, residual),
                biased,
                false)
            .withPrependBos(hooks.prependBos)
            .withTokenNorm(norm),
        decoder,
        ForeignTensors.allocate(features),
        decoder,
        biased ? bias : ForeignTensors.allocate(width),
        null);
  }

  private static ActivationFunction fitting(
      ForeignConfig config, ActivationFunction activation, int features) throws IOException {
    try {
      activation.requireFit(features);
      return activation;
    } catch (IllegalArgumentException e) {
      throw config.wrong(e.getMessage());
    }
  }

  /**
   * Before version 6 the architecture may be missing, and TopK was an activation function of the
   * standard one.
   */
  private static String architecture(ForeignConfig config) throws IOException {
    String architecture = config.text("architecture", "standard");
    String function = config.text("activation_fn", config.text("activation_fn_str", "relu"));
    if (function.equals("topk") && architecture.equals("standard")) {
      return "topk";
    }
    if (!KNOWN.contains(architecture)) {
      throw config.unknown("architecture", architecture, KNOWN);
    }
    if (!function.equals("relu") && !function.equals("topk")) {
      throw config.unknown("activation function", function, List.of("relu", "topk"));
    }
    return architecture;
  }

  /** The settings of the model: under {@code metadata} since version 6, at the top level before. */
  private static ForeignConfig metadata(ForeignConfig config) {
    return config.has("metadata") ? config.within("metadata") : config;
  }

  /** The hook points of a dictionary, by Sluice's names. */
  private record Hooks(String model, String read, String written, Optional<Boolean> prependBos) {
    static Hooks of(ForeignConfig config, boolean transcoder, Origin origin) throws IOException {
      ForeignConfig metadata = metadata(config);
      for (String head :
          List.of("hook_head_index", "hook_point_head_index", "hook_head_index_out")) {
        if (metadata.has(head) && origin.inputHook().isEmpty()) {
          throw config.wrong(
              "'"
                  + head
                  + "' says that it reads or writes a single head, for which Sluice has no hook"
                  + " point; name its input with --hook");
        }
      }
      String model = metadata.text("model_name", "");
      String read = metadata.text("hook_name", metadata.text("hook_point", ""));
      String written = transcoder ? metadata.text("hook_name_out", read + ".output") : read;
      // Before version 6 a missing value means true.
      Optional<Boolean> bos =
          metadata.has("prepend_bos")
              ? Optional.of(metadata.bool("prepend_bos", true))
              : config.has("metadata") ? Optional.empty() : Optional.of(true);
      return new Hooks(
          model,
          TransformerLensNames.hook(read, model).orElse(read),
          TransformerLensNames.hook(written, model).orElse(written),
          bos);
    }
  }

  /** Refuses settings that change the computation and are not honoured elsewhere. */
  private static void requireKnownSettings(ForeignConfig config, boolean transcoder)
      throws IOException {
    if (!transcoder) {
      config.requireOff(
          "is_transcoder", "transcoders of that age are not read; convert it to SAELens 6 first");
    } else if (config.bool("apply_b_dec_to_input", false)) {
      throw config.wrong(
          "apply_b_dec_to_input is true, but a transcoder's decoder bias is that of another place");
    }
    String reshaped = config.text("reshape_activations", "none");
    // Sluice's hook z has the heads side by side; reshaping does not matter.
    if (!reshaped.equals("none") && !reshaped.equals("hook_z")) {
      throw config.unknown("reshape_activations", reshaped, List.of("none", "hook_z"));
    }
  }

  /**
   * The fine-tuning scale by which the decoder multiplies codes; null if there is none. Some
   * versions wrote one of all ones, which SAELens drops.
   */
  private static float[] scaling(ForeignConfig config, ForeignTensors tensors, int features)
      throws IOException {
    if (!tensors.has(SCALING) || tensors.isOnes(SCALING)) {
      return null;
    }
    if (!config.bool("finetuning_scaling_factor", false)) {
      throw config.wrong(
          "finetuning_scaling_factor is not true, but there is a fine-tuning scale ('"
              + SCALING
              + "' in "
              + WEIGHTS
              + " is not all ones); set it to true if codes are to be multiplied by it");
    }
    return tensors.vector(SCALING, features);
  }

  /** Whether activations are multiplied by a number that the files do not hold. */
  static boolean needsScale(Path folder) throws IOException {
    return normalisation(ForeignConfig.read(folder.resolve(CONFIG))).equals(AVERAGE);
  }

  private static String normalisation(ForeignConfig config) throws IOException {
    return config.node("normalize_activations").isBoolean()
        ? config.bool("normalize_activations", false) ? AVERAGE : "none"
        : config.text("normalize_activations", "none");
  }

  /** Whether what it reads and writes was centred when the model was loaded. */
  private static boolean isCentred(
      ForeignConfig config, Hooks hooks, boolean transcoder, Origin origin) throws IOException {
    String model = origin.model().orElse(hooks.model);
    String read = origin.inputHook().orElse(hooks.read);
    List<String> points = new ArrayList<>(List.of(read));
    if (transcoder) {
      points.add(origin.outputHook().orElse(hooks.written));
    }
    ForeignConfig settings = metadata(config).within(ModelProcessing.SETTING);
    Optional<Boolean> said = origin.centred();
    if (said.isEmpty() && !settings.has(ModelProcessing.CENTRED)) {
      said = PublishedPlaces.centred(config.file());
    }
    boolean centred = ModelProcessing.isCentred(settings, said, model, points);
    if (centred && transcoder) {
      throw config.wrong(
          "center_writing_weights is true in '"
              + ModelProcessing.SETTING
              + "', and a transcoder that reads or writes centred activations is not read");
    }
    return centred;
  }

  /** A transcoder writes another hook point, in its own units. */
  private static Optional<TokenNorm> norm(ForeignConfig config, boolean transcoder, Origin origin)
      throws IOException {
    String how = normalisation(config);
    if (NORMS.contains(how)) {
      return Optional.of(new TokenNorm(TokenNorm.Kind.named(how), !transcoder));
    }
    switch (how) {
      case "none" -> {}
      case AVERAGE -> {
        if (origin.activationScale().isEmpty()) {
          throw config.wrong(
              "activations have to be multiplied by a number that its files do not hold"
                  + " (normalize_activations is '"
                  + AVERAGE
                  + "'); give it with"
                  + " --activation-scale");
        }
      }
      default ->
          throw config.wrong(
              "normalize_activations is '"
                  + how
                  + "', which is not folded into the weights yet or treats tokens in a way of its"
                  + " own; known: none, "
                  + AVERAGE
                  + ", "
                  + String.join(", ", NORMS));
    }
    return Optional.empty();
  }

  private static ActivationFunction activation(
      ForeignConfig config, String architecture, ForeignTensors tensors, int features)
      throws IOException {
    return switch (architecture) {
      case "topk" ->
          new TopK(
              config.has("k")
                  ? config.positive("k")
                  : config.within("activation_fn_kwargs").positive("k"));
      case "abstopk" -> new AbsTopK(config.positive("k"));
      case BATCH, MATRYOSHKA ->
          new BatchTopK(
              count(config.number("k")),
              OptionalDouble.of(Math.max(0, tensors.scalar("topk_threshold"))));
      case "jumprelu", "jumprelu_transcoder", "jumprelu_skip_transcoder" ->
          new JumpReLU(Thresholds.of(tensors.vector("threshold", features)));
      default -> new ReLU();
    };
  }
}
