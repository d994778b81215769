package io.sluice.dictionary;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.Parameters;
import io.sluice.files.AtomicFile;
import io.sluice.files.StrictJson;
import io.sluice.torch.DType;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A dictionary on disk: {@code dictionary.json} beside {@code dictionary.safetensors}. */
final class DictionaryFiles {
  static final String FORMAT = "sluice.dictionary/1";
  static final String CONFIG = "dictionary.json";
  static final String WEIGHTS = "dictionary.safetensors";
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
    switch (config.activation()) {
      case Activation.TopK topK -> activation.put("k", topK.k());
    }
    json.put("subtractDecoderBias", config.subtractDecoderBias());
    json.put("rankByDecoderNorm", config.rankByDecoderNorm());
    VerifiedTensors.write(
        folder.resolve(WEIGHTS),
        List.of(
            TensorData.of("encoder", DType.F32, p.encoder(), features, config.inputWidth()),
            TensorData.of("encoder_bias", DType.F32, p.encoderBias(), features),
            TensorData.of("decoder", DType.F32, p.decoder(), features, config.outputWidth()),
            TensorData.of("decoder_bias", DType.F32, p.decoderBias(), config.outputWidth())),
        Map.of("format", FORMAT, "config", JSON.writeValueAsString(json)));
    AtomicFile.write(
        folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  static Dictionary load(Path folder) throws IOException {
    Path configFile = folder.resolve(CONFIG);
    JsonNode json = json(configFile);
    DictionaryConfig config = config(configFile, json);
    Path weightsFile = folder.resolve(WEIGHTS);
    Safetensors weights = VerifiedTensors.open(weightsFile);
    long features = config.features();
    Dictionary dictionary =
        new Dictionary(
            config,
            new Parameters(
                config.inputWidth(),
                config.outputWidth(),
                config.features(),
                tensor(weights, "encoder", features, config.inputWidth()),
                tensor(weights, "encoder_bias", features),
                tensor(weights, "decoder", features, config.outputWidth()),
                tensor(weights, "decoder_bias", config.outputWidth())));
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
          file + " (a dictionary is a folder with " + CONFIG + " and " + WEIGHTS + ")");
    }
    if (Files.size(file) > MAX_CONFIG_BYTES) {
      throw new IOException(file + ": " + Files.size(file) + " bytes is too long for a config");
    }
    try {
      return JSON.readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": not valid JSON: " + e.getOriginalMessage() + REMEDY, e);
    }
  }

  private static DictionaryConfig config(Path file, JsonNode json) throws IOException {
    try {
      String format = text(json, "format");
      if (!format.equals(FORMAT)) {
        throw new IllegalArgumentException(
            "format is '" + format + "', this version reads " + FORMAT);
      }
      return new DictionaryConfig(
          text(json, "model"),
          text(json, "inputHook"),
          text(json, "outputHook"),
          integer(json, "inputWidth"),
          integer(json, "outputWidth"),
          integer(json, "features"),
          activation(json.path("activation")),
          bool(json, "subtractDecoderBias"),
          bool(json, "rankByDecoderNorm"));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage() + REMEDY, e);
    }
  }

  private static Activation activation(JsonNode json) {
    String type = text(json, "type");
    if (!type.equals(Activation.TopK.TYPE)) {
      throw new IllegalArgumentException(
          "unknown activation '" + type + "'; known: " + Activation.TopK.TYPE);
    }
    return new Activation.TopK(integer(json, "k"));
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
