package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.Activation;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Parameters;
import io.sluice.engine.Thresholds;
import io.sluice.files.OutputFolder;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * SAELens: {@code cfg.json} with an architecture, {@code sae_weights.safetensors} with {@code W_enc
 * [d_in, d_sae]} and {@code W_dec [d_sae, d_out]}. The config says whether the decoder bias is
 * subtracted from the input, and for TopK whether activations are multiplied by the norm of their
 * decoder row before the selection, and stay so.
 *
 * <p>What was trained with BatchTopK, nested (Matryoshka) or not, is used as JumpReLU with one
 * threshold; that it was, its k and the widths of the nested dictionaries stand in the metadata.
 */
final class SaeLens {
  private static final String CONFIG = "cfg.json";
  private static final String WEIGHTS = "sae_weights.safetensors";

  /** The version whose files are written; readers take configs without one for older ones. */
  private static final String VERSION = "6.54.12";

  private static final String PURSUIT = "matching_pursuit";
  private static final String BATCH = "batchtopk";
  private static final String MATRYOSHKA = "matryoshka_batchtopk";
  private static final String WIDTHS = "matryoshka_widths";
  private static final String TRAINED = "training_architecture";
  private static final String SCALING = "scaling_factor";
  private static final String DETAILS = "training_architecture_details";

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

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private SaeLens() {}

  static Dictionary load(Path folder, Origin origin) throws IOException {
    ForeignConfig config = ForeignConfig.read(folder.resolve(CONFIG));
    String architecture = architecture(config);
    int width = config.positive("d_in");
    int features = config.positive("d_sae");
    boolean transcoder = architecture.endsWith("transcoder");
    int outputWidth = transcoder ? config.positive("d_out") : width;
    requireNormalisation(config, origin);
    requireKnownSettings(config, transcoder);
    ForeignTensors tensors = new ForeignTensors(Safetensors.open(folder.resolve(WEIGHTS)), CONFIG);
    dropScalingFactor(config, tensors);
    Hooks hooks = Hooks.of(config, transcoder, origin);
    if (architecture.equals(PURSUIT)) {
      return pursuit(config, tensors, hooks, width, features);
    }
    MemorySegment encoder = tensors.transposed("W_enc", features, width);
    MemorySegment encoderBias;
    Activation activation;
    boolean rescaled = config.bool("rescale_acts_by_decoder_norm", false);
    if (architecture.equals("gated")) {
      float[] bias = tensors.vector("b_mag", features);
      activation = gate(tensors, encoder, bias, width);
      encoderBias = ForeignTensors.segment(bias);
    } else {
      encoderBias = tensors.segment("b_enc", features);
      activation = activation(config, architecture, tensors, features);
    }
    MemorySegment decoder = tensors.matrix("W_dec", features, outputWidth);
    MemorySegment decoderBias = tensors.segment("b_dec", outputWidth);
    MemorySegment skip =
        architecture.endsWith("skip_transcoder")
            ? tensors.matrix("W_skip", outputWidth, width)
            : null;
    tensors.requireNoOthers("a dictionary of architecture '" + architecture + "'");
    ForeignConfig training = training(config, architecture);
    Dictionary dictionary =
        new Dictionary(
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
                .withPrependBos(hooks.prependBos),
            new Parameters(
                width, outputWidth, features, encoder, encoderBias, decoder, decoderBias),
            skip);
    // Rescaled activations are what SAELens calls activations, so the norms move to the encoder.
    return rescaled ? Conventions.withUnitDecoder(dictionary) : dictionary;
  }

  /** What it says of its training: the config of a checkpoint, or what the metadata keep of it. */
  private static ForeignConfig training(ForeignConfig config, String architecture)
      throws IOException {
    ForeignConfig metadata = metadata(config);
    String trained = metadata.text(TRAINED, "");
    return trained.equals(BATCH) || trained.equals(MATRYOSHKA)
        ? metadata.within(DETAILS)
        : architecture.equals(MATRYOSHKA) ? config : config.within("");
  }

  /** BatchTopK where it was learned and one threshold has taken the place of batches since. */
  private static Activation learned(Activation activation, ForeignConfig training, int features)
      throws IOException {
    if (!(activation instanceof Activation.JumpReLU(Thresholds thresholds)) || !training.has("k")) {
      return activation;
    }
    float[] values = thresholds.toArray(features);
    for (float value : values) {
      if (value != values[0] || value < 0) {
        return activation;
      }
    }
    double k = training.number("k");
    return k > features
        ? activation
        : new Activation.BatchTopK(count(k), OptionalDouble.of(values[0]));
  }

  /** It may be a fraction, as a mean over tokens. */
  private static int count(double k) {
    return Math.max(1, (int) Math.round(k));
  }

  /** Where nested dictionaries end; the last, which is the whole, is not among them. */
  private static List<Integer> prefixes(ForeignConfig training, int features) throws IOException {
    List<Integer> prefixes = new ArrayList<>();
    int last = 0;
    for (JsonNode width : training.list(WIDTHS)) {
      if (!width.isIntegralNumber() || !width.canConvertToInt() || width.intValue() <= last) {
        throw training.wrong("'" + WIDTHS + "' is no ascending list of positive 32-bit integers");
      }
      last = width.intValue();
      // Of a dictionary that was cut to its first features the larger ones are gone.
      if (last < features) {
        prefixes.add(last);
      }
    }
    return prefixes;
  }

  /** Its encoder is its decoder, and without a bias before it there is none behind. */
  private static Dictionary pursuit(
      ForeignConfig config, ForeignTensors tensors, Hooks hooks, int width, int features)
      throws IOException {
    if (!config.bool("stop_on_duplicate_support", true)) {
      throw config.wrong(
          "stop_on_duplicate_support is false; Sluice's matching pursuit ends with a feature that"
              + " was picked before");
    }
    boolean biased = config.bool("apply_b_dec_to_input", true);
    float[] bias = tensors.vector("b_dec", width);
    Parameters p = Parameters.allocate(Arena.ofAuto(), width, width, features);
    p.decoder().copyFrom(tensors.matrix("W_dec", features, width));
    p.encoder().copyFrom(p.decoder());
    if (biased) {
      p.decoderBias().copyFrom(ForeignTensors.segment(bias));
    }
    tensors.requireNoOthers("a dictionary of architecture '" + PURSUIT + "'");
    int iterations = config.has("max_iterations") ? config.positive("max_iterations") : width;
    double residual = config.has("residual_threshold") ? config.number("residual_threshold") : 0.01;
    return new Dictionary(
        new DictionaryConfig(
                hooks.model,
                hooks.read,
                hooks.written,
                width,
                width,
                features,
                new Activation.Pursuit(iterations, residual),
                biased,
                false)
            .withPrependBos(hooks.prependBos),
        p);
  }

  private static Activation fitting(ForeignConfig config, Activation activation, int features)
      throws IOException {
    try {
      activation.requireFit(features);
      return activation;
    } catch (IllegalArgumentException e) {
      throw config.wrong(e.getMessage());
    }
  }

  /** Before version 6 the architecture may be missing, and TopK was a standard one's function. */
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

  /** What is said of the model: under {@code metadata} since version 6, at the top before. */
  private static ForeignConfig metadata(ForeignConfig config) {
    return config.has("metadata") ? config.within("metadata") : config;
  }

  /** Where a dictionary was attached, by Sluice's names. */
  private record Hooks(String model, String read, String written, Optional<Boolean> prependBos) {
    static Hooks of(ForeignConfig config, boolean transcoder, Origin origin) throws IOException {
      ForeignConfig metadata = metadata(config);
      for (String head :
          List.of("hook_head_index", "hook_point_head_index", "hook_head_index_out")) {
        if (metadata.has(head) && origin.inputHook().isEmpty()) {
          throw config.wrong(
              "'"
                  + head
                  + "' says that it reads or writes a single head, which no hook point of Sluice"
                  + " is; name what it shall be given with --hook");
        }
      }
      String model = metadata.text("model_name", "");
      String read = metadata.text("hook_name", metadata.text("hook_point", ""));
      String written = transcoder ? metadata.text("hook_name_out", read + ".output") : read;
      // Before version 6 a file that does not say so means true.
      Optional<Boolean> bos =
          metadata.has("prepend_bos")
              ? Optional.of(metadata.bool("prepend_bos", true))
              : config.has("metadata") ? Optional.empty() : Optional.of(true);
      return new Hooks(
          model,
          TransformerLensHook.hook(read, model),
          TransformerLensHook.hook(written, model),
          bos);
    }
  }

  /** Settings that change what is computed, beside those that are honoured where they matter. */
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
    // Heads side by side are what Sluice's hook z is; how they are cut apart changes nothing.
    if (!reshaped.equals("none") && !reshaped.equals("hook_z")) {
      throw config.unknown("reshape_activations", reshaped, List.of("none", "hook_z"));
    }
  }

  /** A scale of fine-tuning; for a time files had one that was all ones, which SAELens drops. */
  private static void dropScalingFactor(ForeignConfig config, ForeignTensors tensors)
      throws IOException {
    if (tensors.has(SCALING) && !tensors.isOnes(SCALING)) {
      throw config.wrong(
          "its codes are multiplied by a fine-tuning scale ('"
              + SCALING
              + "' in "
              + WEIGHTS
              + " is not all ones), which dictionaries here do not have; fold it into W_dec first");
    }
  }

  private static void requireNormalisation(ForeignConfig config, Origin origin) throws IOException {
    String how =
        config.node("normalize_activations").isBoolean()
            ? config.bool("normalize_activations", false) ? "expected_average_only_in" : "none"
            : config.text("normalize_activations", "none");
    switch (how) {
      case "none" -> {}
      case "expected_average_only_in" -> {
        if (origin.activationScale().isEmpty()) {
          throw config.wrong(
              "activations have to be multiplied by a number that its files do not hold"
                  + " (normalize_activations is 'expected_average_only_in'); give it with"
                  + " --activation-scale");
        }
      }
      default ->
          throw config.wrong(
              "normalize_activations is '"
                  + how
                  + "', which treats every token in its own way or is not folded into the weights"
                  + " yet; only one number for all tokens can be folded");
    }
  }

  private static Activation activation(
      ForeignConfig config, String architecture, ForeignTensors tensors, int features)
      throws IOException {
    return switch (architecture) {
      case "topk" ->
          new Activation.TopK(
              config.has("k")
                  ? config.positive("k")
                  : config.within("activation_fn_kwargs").positive("k"));
      case "abstopk" -> new Activation.AbsTopK(config.positive("k"));
      case BATCH, MATRYOSHKA ->
          new Activation.BatchTopK(
              count(config.number("k")),
              OptionalDouble.of(Math.max(0, tensors.scalar("topk_threshold"))));
      case "jumprelu", "jumprelu_transcoder", "jumprelu_skip_transcoder" ->
          new Activation.JumpReLU(Thresholds.of(tensors.vector("threshold", features)));
      default -> new Activation.ReLU();
    };
  }

  /** Multiplies the encoder by {@code exp(r_mag)} and turns the gate into thresholds. */
  private static Activation gate(
      ForeignTensors tensors, MemorySegment encoder, float[] magnitudeBias, int width)
      throws IOException {
    float[] gateBias = tensors.vector("b_gate", magnitudeBias.length);
    float[] logScale = tensors.vector("r_mag", magnitudeBias.length);
    return Gate.fold(encoder, width, logScale, gateBias, magnitudeBias);
  }

  private static void savePursuit(Dictionary dictionary, Activation.Pursuit pursuit, Path folder)
      throws IOException {
    DictionaryConfig c = dictionary.config();
    Parameters p = dictionary.parameters();
    for (float bias : p.decoderBias().toArray(FLOAT)) {
      if (bias != 0 && !c.subtractDecoderBias()) {
        throw ForeignWriter.refused(
            "SAELens",
            "matching pursuit with a decoder bias that is not subtracted from the input",
            "keep it in Sluice's format");
      }
    }
    ObjectNode json = ForeignConfig.object();
    json.put("architecture", PURSUIT);
    json.put("d_in", c.inputWidth());
    json.put("d_sae", c.features());
    json.put("dtype", "float32");
    json.put("device", "cpu");
    json.put("apply_b_dec_to_input", c.subtractDecoderBias());
    json.put("normalize_activations", "none");
    json.put("residual_threshold", pursuit.residual());
    json.put("max_iterations", pursuit.iterations());
    json.put("stop_on_duplicate_support", true);
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("sae_lens_version", VERSION);
    putOrigin(json, metadata, c, false);
    OutputFolder.make(folder);
    Safetensors.write(
        folder.resolve(WEIGHTS),
        List.of(
            ForeignWriter.floats("W_dec", p.decoder(), c.features(), c.outputWidth()),
            ForeignWriter.floats("b_dec", p.decoderBias(), c.outputWidth())),
        Map.of());
    ForeignConfig.write(folder.resolve(CONFIG), json);
  }

  static void save(Dictionary given, Path folder) throws IOException {
    if (given.config().activation() instanceof Activation.Pursuit pursuit) {
      savePursuit(given, pursuit, folder);
      return;
    }
    Dictionary dictionary = Conventions.withValueThresholds(given);
    if (dictionary.config().rankByDecoderNorm()) {
      dictionary = Conventions.withUnitDecoder(dictionary);
    }
    boolean transcoder = ForeignWriter.isTranscoder(dictionary);
    if (transcoder) {
      dictionary = Conventions.subtracting(dictionary, false);
    }
    DictionaryConfig c = dictionary.config();
    Parameters p = dictionary.parameters();
    ObjectNode json = ForeignConfig.object();
    List<TensorData> tensors = new ArrayList<>();
    tensors.add(ForeignWriter.transposed("W_enc", p.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.floats("W_dec", p.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats("b_dec", p.decoderBias(), c.outputWidth()));
    if (!(c.activation() instanceof Activation.Gated)) {
      tensors.add(ForeignWriter.floats("b_enc", p.encoderBias(), c.features()));
    }
    json.put("architecture", architecture(c, p, transcoder, dictionary.hasSkip(), json, tensors));
    if (dictionary.hasSkip()) {
      tensors.add(
          ForeignWriter.floats("W_skip", dictionary.skip(), c.outputWidth(), c.inputWidth()));
    }
    json.put("d_in", c.inputWidth());
    json.put("d_sae", c.features());
    if (transcoder) {
      json.put("d_out", c.outputWidth());
    }
    json.put("dtype", "float32");
    json.put("device", "cpu");
    json.put("apply_b_dec_to_input", c.subtractDecoderBias());
    json.put("normalize_activations", "none");
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("sae_lens_version", VERSION);
    putOrigin(json, metadata, c, transcoder);
    if (!transcoder) {
      putTraining(metadata, given.config());
    }
    OutputFolder.make(folder);
    Safetensors.write(folder.resolve(WEIGHTS), tensors, Map.of());
    ForeignConfig.write(folder.resolve(CONFIG), json);
  }

  /** Where SAELens shall attach it. */
  private static void putOrigin(
      ObjectNode json, ObjectNode metadata, DictionaryConfig c, boolean transcoder) {
    String read = TransformerLensHook.name(c.inputHook(), c.model());
    // Its heads are an axis of their own there.
    json.put(
        "reshape_activations", !transcoder && read.endsWith("attn.hook_z") ? "hook_z" : "none");
    metadata.put("model_name", c.model());
    metadata.put("hook_name", read);
    if (transcoder) {
      metadata.put("hook_name_out", TransformerLensHook.name(c.outputHook(), c.model()));
    }
    c.prependBos().ifPresent(prepended -> metadata.put("prepend_bos", prepended));
  }

  /** As SAELens itself does where it saves for use what it has trained with BatchTopK. */
  private static void putTraining(ObjectNode metadata, DictionaryConfig c) {
    boolean batch = c.activation() instanceof Activation.BatchTopK;
    boolean nested =
        !c.prefixes().isEmpty() && (batch || c.activation() instanceof Activation.JumpReLU);
    if (!batch && !nested) {
      return;
    }
    metadata.put(TRAINED, nested ? MATRYOSHKA : BATCH);
    ObjectNode details = metadata.putObject(DETAILS);
    if (c.activation() instanceof Activation.BatchTopK batchTopK) {
      details.put("k", batchTopK.k());
      details.put("rescale_acts_by_decoder_norm", c.rankByDecoderNorm());
    }
    if (nested) {
      ArrayNode widths = details.putArray(WIDTHS);
      c.prefixes().forEach(widths::add);
      widths.add(c.features());
    }
  }

  private static String architecture(
      DictionaryConfig c,
      Parameters p,
      boolean transcoder,
      boolean skip,
      ObjectNode json,
      List<TensorData> tensors) {
    boolean thresholded =
        c.activation() instanceof Activation.JumpReLU
            || c.activation() instanceof Activation.BatchTopK(int k, OptionalDouble threshold)
                && threshold.isPresent();
    if (skip && !(c.activation() instanceof Activation.ReLU) && !thresholded) {
      throw ForeignWriter.refused(
          "SAELens",
          "skip transcoders but with ReLU and JumpReLU, and this one has " + c.activation().type(),
          "convert one with TopK to sparsify, or keep it in Sluice's format");
    }
    return switch (c.activation()) {
      case Activation.Pursuit pursuit -> throw new IllegalStateException("has a form of its own");
      case Activation.AbsTopK signed when transcoder ->
          throw ForeignWriter.refused(
              "SAELens", "transcoders with signed codes (abstopk)", "keep it in Sluice's format");
      case Activation.AbsTopK signed -> {
        json.put("k", signed.k());
        json.put("rescale_acts_by_decoder_norm", false);
        yield "abstopk";
      }
      case Activation.TopK topK when transcoder ->
          throw ForeignWriter.refused(
              "SAELens",
              "transcoders with TopK",
              "convert to sparsify or llamascopium, which have");
      case Activation.TopK topK -> {
        json.put("k", topK.k());
        json.put("rescale_acts_by_decoder_norm", false);
        yield "topk";
      }
      case Activation.ReLU relu when skip -> "skip_transcoder";
      case Activation.ReLU relu -> transcoder ? "transcoder" : "standard";
      case Activation.JumpReLU(Thresholds thresholds) -> {
        tensors.add(ForeignWriter.floats("threshold", thresholds.toArray(c.features())));
        yield jump(transcoder, skip);
      }
      case Activation.BatchTopK batch when batch.threshold().isPresent() -> {
        Thresholds thresholds = Thresholds.uniform((float) batch.threshold().getAsDouble());
        tensors.add(ForeignWriter.floats("threshold", thresholds.toArray(c.features())));
        yield jump(transcoder, skip);
      }
      case Activation.BatchTopK batch ->
          throw ForeignWriter.refused(
              "SAELens",
              "BatchTopK dictionaries without a threshold, and this one has none",
              "convert to llamascopium, which has");
      case Activation.Gated gated when transcoder ->
          throw ForeignWriter.refused("SAELens", "gated transcoders", "keep it in Sluice's format");
      case Activation.Gated(Thresholds thresholds) -> {
        float[] magnitude = p.encoderBias().toArray(FLOAT);
        tensors.add(ForeignWriter.floats("b_mag", magnitude));
        tensors.add(ForeignWriter.floats("b_gate", Gate.bias(magnitude, thresholds)));
        tensors.add(ForeignWriter.floats("r_mag", new float[c.features()]));
        yield "gated";
      }
    };
  }

  private static String jump(boolean transcoder, boolean skip) {
    return skip ? "jumprelu_skip_transcoder" : transcoder ? "jumprelu_transcoder" : "jumprelu";
  }
}
