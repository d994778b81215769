package io.sluice.dictionary;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.Parameters;
import io.sluice.engine.Thresholds;
import io.sluice.files.AtomicFile;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import io.sluice.torch.DType;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** A dictionary on disk: {@code dictionary.json} beside {@code dictionary.safetensors}. */
final class DictionaryFiles {
  static final String FORMAT = "sluice.dictionary/1";
  static final String CONFIG = "dictionary.json";
  static final String WEIGHTS = "dictionary.safetensors";
  private static final String THRESHOLD = "threshold";
  private static final String SKIP = "skip";
  private static final String SITES = "sites";
  private static final String PREFIXES = "prefixes";
  private static final String REMEDY = "; restore it or train the dictionary again";
  private static final long MAX_CONFIG_BYTES = 1 << 20;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  private DictionaryFiles() {}

  static void save(Dictionary dictionary, Path folder) throws IOException {
    DictionaryConfig config = dictionary.config();
    Parameters p = dictionary.parameters();
    long features = config.features();
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("weights", WEIGHTS);
    json.put("model", config.model());
    json.put("inputHook", config.inputHook());
    json.put("outputHook", config.outputHook());
    json.put("inputWidth", config.inputWidth());
    json.put("outputWidth", config.outputWidth());
    json.put("features", config.features());
    ObjectNode activation = json.putObject("activation");
    activation.put("type", config.activation().type());
    Thresholds thresholds = null;
    switch (config.activation()) {
      case Activation.TopK topK -> activation.put("k", topK.k());
      case Activation.AbsTopK absTopK -> activation.put("k", absTopK.k());
      case Activation.Pursuit pursuit -> {
        activation.put("iterations", pursuit.iterations());
        activation.put("residual", pursuit.residual());
      }
      case Activation.BatchTopK batchTopK -> {
        activation.put("k", batchTopK.k());
        batchTopK.threshold().ifPresent(threshold -> activation.put("threshold", threshold));
      }
      case Activation.ReLU relu -> {}
      case Activation.JumpReLU jump -> thresholds = jump.thresholds();
      case Activation.Gated gated -> thresholds = gated.thresholds();
    }
    json.put("subtractDecoderBias", config.subtractDecoderBias());
    json.put("rankByDecoderNorm", config.rankByDecoderNorm());
    if (dictionary.hasSkip()) {
      json.put(SKIP, true);
    }
    if (!config.sites().isEmpty()) {
      ArrayNode sites = json.putArray(SITES);
      config
          .sites()
          .forEach(site -> sites.addObject().put("hook", site.hook()).put("width", site.width()));
    }
    if (!config.prefixes().isEmpty()) {
      ArrayNode prefixes = json.putArray(PREFIXES);
      config.prefixes().forEach(prefixes::add);
    }
    List<TensorData> tensors = new ArrayList<>();
    tensors.add(TensorData.of("encoder", DType.F32, p.encoder(), features, config.inputWidth()));
    tensors.add(TensorData.of("encoder_bias", DType.F32, p.encoderBias(), features));
    tensors.add(TensorData.of("decoder", DType.F32, p.decoder(), features, config.outputWidth()));
    tensors.add(TensorData.of("decoder_bias", DType.F32, p.decoderBias(), config.outputWidth()));
    if (dictionary.hasSkip()) {
      tensors.add(
          TensorData.of(
              SKIP, DType.F32, dictionary.skip(), config.outputWidth(), config.inputWidth()));
    }
    if (thresholds != null) {
      tensors.add(
          TensorData.of(
              THRESHOLD,
              DType.F32,
              Arena.ofAuto().allocateFrom(FLOAT, thresholds.toArray(config.features())),
              features));
    }
    VerifiedTensors.write(
        folder.resolve(WEIGHTS),
        tensors,
        Map.of("format", FORMAT, "config", JSON.writeValueAsString(json)));
    AtomicFile.write(
        folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  static Dictionary load(Path folder) throws IOException {
    Path configFile = folder.resolve(CONFIG);
    JsonNode json = json(configFile);
    requireFormat(configFile, json);
    Safetensors weights = VerifiedTensors.open(folder.resolve(WEIGHTS));
    DictionaryConfig config = config(configFile, json, weights);
    long features = config.features();
    Parameters parameters =
        new Parameters(
            config.inputWidth(),
            config.outputWidth(),
            config.features(),
            tensor(weights, "encoder", features, config.inputWidth()),
            tensor(weights, "encoder_bias", features),
            tensor(weights, "decoder", features, config.outputWidth()),
            tensor(weights, "decoder_bias", config.outputWidth()));
    Dictionary dictionary;
    try {
      MemorySegment skip =
          json.has(SKIP) && bool(json, SKIP)
              ? tensor(weights, SKIP, config.outputWidth(), config.inputWidth())
              : null;
      dictionary = new Dictionary(config, parameters, skip);
    } catch (IllegalArgumentException e) {
      throw new IOException(configFile + ": " + e.getMessage() + REMEDY, e);
    }
    requireSame(configFile, json, weights);
    return dictionary;
  }

  /** The weights, which are under checksums, repeat the config: a flipped bit is found, too. */
  private static void requireSame(Path file, JsonNode json, Safetensors weights)
      throws IOException {
    String repeated = weights.metadata().get("config");
    if (repeated != null && !JSON.readTree(repeated).equals(json)) {
      throw new IOException(
          file + ": was changed: " + WEIGHTS + " was written with other settings" + REMEDY);
    }
  }

  private static JsonNode json(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new NoSuchFileException(
          file
              + (Files.exists(file.resolveSibling("run.json"))
                  ? " (a run writes its dictionary at its end; go on with it by --resume)"
                  : " (a dictionary is a folder with " + CONFIG + " and " + WEIGHTS + ")"));
    }
    if (Files.size(file) > MAX_CONFIG_BYTES) {
      throw new IOException(file + ": " + Files.size(file) + " bytes is too long for a config");
    }
    try {
      return JSON.readTree(StrictJson.text(Files.readAllBytes(file)));
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": not valid JSON: " + StrictJson.reason(e) + REMEDY, e);
    }
  }

  private static void requireFormat(Path file, JsonNode json) throws IOException {
    String format = json.path("format").asText();
    if (!format.equals(FORMAT)) {
      throw new IOException(
          file + ": format is " + Quoted.of(format) + ", this version reads " + FORMAT + REMEDY);
    }
  }

  private static DictionaryConfig config(Path file, JsonNode json, Safetensors weights)
      throws IOException {
    try {
      int features = integer(json, "features");
      return new DictionaryConfig(
          text(json, "model"),
          text(json, "inputHook"),
          text(json, "outputHook"),
          integer(json, "inputWidth"),
          integer(json, "outputWidth"),
          features,
          activation(json.path("activation"), weights, features),
          bool(json, "subtractDecoderBias"),
          bool(json, "rankByDecoderNorm"),
          sites(json.path(SITES)),
          prefixes(json.path(PREFIXES)));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage() + REMEDY, e);
    }
  }

  private static List<Site> sites(JsonNode json) {
    List<Site> sites = new ArrayList<>();
    if (!json.isMissingNode() && !json.isArray()) {
      throw new IllegalArgumentException("'" + SITES + "' is not a list");
    }
    for (JsonNode site : json) {
      sites.add(new Site(text(site, "hook"), integer(site, "width")));
    }
    return sites;
  }

  private static List<Integer> prefixes(JsonNode json) {
    List<Integer> prefixes = new ArrayList<>();
    if (!json.isMissingNode() && !json.isArray()) {
      throw new IllegalArgumentException("'" + PREFIXES + "' is not a list");
    }
    for (JsonNode end : json) {
      if (!end.isIntegralNumber() || !end.canConvertToInt()) {
        throw new IllegalArgumentException("'" + PREFIXES + "' holds " + Quoted.of(end.toString()));
      }
      prefixes.add(end.intValue());
    }
    return prefixes;
  }

  private static Activation activation(JsonNode json, Safetensors weights, int features)
      throws IOException {
    String type = text(json, "type");
    return switch (type) {
      case Activation.TopK.TYPE -> new Activation.TopK(integer(json, "k"));
      case Activation.AbsTopK.TYPE -> new Activation.AbsTopK(integer(json, "k"));
      case Activation.Pursuit.TYPE ->
          new Activation.Pursuit(
              integer(json, "iterations"), json.path("residual").asDouble(Double.NaN));
      case Activation.BatchTopK.TYPE ->
          new Activation.BatchTopK(
              integer(json, "k"),
              json.has("threshold")
                  ? OptionalDouble.of(json.get("threshold").asDouble(Double.NaN))
                  : OptionalDouble.empty());
      case Activation.ReLU.TYPE -> new Activation.ReLU();
      case Activation.JumpReLU.TYPE -> new Activation.JumpReLU(thresholds(weights, features));
      case Activation.Gated.TYPE -> new Activation.Gated(thresholds(weights, features));
      default ->
          throw new IllegalArgumentException(
              "unknown activation "
                  + Quoted.of(type)
                  + "; known: topk, abstopk, batchtopk, relu, jumprelu, gated, matching_pursuit");
    };
  }

  private static Thresholds thresholds(Safetensors weights, int features) throws IOException {
    return Thresholds.of(tensor(weights, THRESHOLD, features).toArray(FLOAT));
  }

  private static String text(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isTextual()) {
      throw new IllegalArgumentException("'" + name + "' is missing or not a text");
    }
    return value.textValue();
  }

  private static int integer(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw new IllegalArgumentException("'" + name + "' is missing or not a 32-bit integer");
    }
    return value.intValue();
  }

  private static boolean bool(JsonNode json, String name) {
    JsonNode value = json.path(name);
    if (!value.isBoolean()) {
      throw new IllegalArgumentException("'" + name + "' is missing or neither true nor false");
    }
    return value.booleanValue();
  }

  private static MemorySegment tensor(Safetensors file, String name, long... shape)
      throws IOException {
    if (!file.names().contains(name)) {
      throw new IOException(
          file.path() + ": tensor '" + name + "' is missing; the file has " + file.names());
    }
    TensorInfo info = file.info(name);
    if (info.dtype() != DType.F32 || !Arrays.equals(info.shape(), shape)) {
      throw new IOException(
          "%s: tensor '%s' is %s %s, but %s asks for float32 %s"
              .formatted(
                  file.path(),
                  name,
                  info.dtype().label(),
                  Arrays.toString(info.shape()),
                  CONFIG,
                  Arrays.toString(shape)));
    }
    requireFinite(file, name, shape);
    return file.data(name);
  }

  /** A feature whose weights are not numbers would never fire, and nobody would learn why. */
  private static void requireFinite(Safetensors file, String name, long[] shape)
      throws IOException {
    MemorySegment data = file.data(name);
    long width = shape.length == 1 ? 1 : shape[1];
    for (long i = 0; i < data.byteSize() / Float.BYTES; i++) {
      float value = data.getAtIndex(FLOAT, i);
      if (!Float.isFinite(value)) {
        throw new IOException(
            "%s: tensor '%s', row %d%s is %s; train the dictionary again or restore the file"
                .formatted(
                    file.path(),
                    name,
                    i / width,
                    shape.length == 1 ? "" : ", element " + i % width,
                    value));
      }
    }
  }
}
