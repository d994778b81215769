package io.sluice.dictionary;

import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import io.sluice.files.StrictJson;
import io.sluice.memory.DType;
import io.sluice.memory.MappedPages;
import io.sluice.store.names.TransformerLensNames;
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
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** A dictionary on disk: {@code dictionary.json} beside {@code dictionary.safetensors}. */
final class DictionaryFiles {
  static final String FORMAT = "sluice.dictionary/1";
  static final String CONFIG = "dictionary.json";
  static final String WEIGHTS = "dictionary.safetensors";
  private static final String SKIP = "skip";
  private static final String SITES = "sites";
  private static final String PREFIXES = "prefixes";
  private static final String PREPEND_BOS = "prependBos";
  private static final String TOKEN_NORM = "tokenNorm";
  private static final String REMEDY = "restore it or train the dictionary again";
  private static final long MAX_CONFIG_BYTES = 1 << 20;
  private static final long CHECKED_AT_ONCE = WeightRows.PIECE / Float.BYTES;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());

  private DictionaryFiles() {}

  static void save(DictionarySource dictionary, Path folder) throws IOException {
    DictionaryConfig config = dictionary.config();
    int features = config.features();
    int in = config.inputWidth();
    int out = config.outputWidth();
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
    activation.put("type", config.activation().label());
    config.activation().write(activation);
    json.put("subtractDecoderBias", config.subtractDecoderBias());
    json.put("rankByDecoderNorm", config.scoreByDecoderNorm());
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
    config.prependBos().ifPresent(prepended -> json.put(PREPEND_BOS, prepended));
    config
        .tokenNorm()
        .ifPresent(
            norm ->
                json.putObject(TOKEN_NORM)
                    .put("type", norm.kind().label())
                    .put("undone", norm.undone()));
    List<TensorData> whole = new ArrayList<>();
    whole.add(TensorData.of("encoder_bias", DType.F32, dictionary.encoderBias(), features));
    whole.add(TensorData.of("decoder_bias", DType.F32, dictionary.decoderBias(), out));
    if (dictionary.hasSkip()) {
      whole.add(TensorData.of(SKIP, DType.F32, dictionary.skip(), out, in));
    }
    config
        .activation()
        .perFeature(features)
        .forEach((name, values) -> whole.add(vector(name, values)));
    List<TensorInfo> tensors = new ArrayList<>();
    tensors.add(new TensorInfo("encoder", DType.F32, features, in));
    tensors.add(whole.get(0).info());
    tensors.add(new TensorInfo("decoder", DType.F32, features, out));
    whole.stream().skip(1).map(TensorData::info).forEach(tensors::add);
    VerifiedTensors.write(
        folder.resolve(WEIGHTS),
        tensors,
        Map.of("format", FORMAT, "config", JSON.writeValueAsString(json)),
        target -> {
          dictionary
              .encoder()
              .forPieces(features, in, (first, rows) -> target.append("encoder", rows));
          dictionary
              .decoder()
              .forPieces(features, out, (first, rows) -> target.append("decoder", rows));
          for (TensorData tensor : whole) {
            target.append(tensor.info().name(), tensor.data());
          }
        });
    AtomicFile.write(
        folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /** The number of features, if the folder has a file that says it; nothing else is read. */
  static OptionalInt features(Path folder) throws IOException {
    Path file = folder.resolve(CONFIG);
    return Files.exists(file)
        ? OptionalInt.of(fields(file).integer("features", 1, Integer.MAX_VALUE))
        : OptionalInt.empty();
  }

  static Dictionary load(Path folder) throws IOException {
    Path configFile = folder.resolve(CONFIG);
    Fields json = fields(configFile);
    Safetensors weights = VerifiedTensors.open(folder.resolve(WEIGHTS));
    DictionaryConfig config = json.build(() -> config(json, weights));
    boolean hasSkip = json.has(SKIP) && json.flag(SKIP);
    json.requireNoOthers();
    long features = config.features();
    DictionaryParameters parameters =
        new DictionaryParameters(
            config.inputWidth(),
            config.outputWidth(),
            config.features(),
            tensor(weights, "encoder", features, config.inputWidth()),
            tensor(weights, "encoder_bias", features),
            tensor(weights, "decoder", features, config.outputWidth()),
            tensor(weights, "decoder_bias", config.outputWidth()));
    MemorySegment skip =
        hasSkip ? tensor(weights, SKIP, config.outputWidth(), config.inputWidth()) : null;
    Dictionary dictionary = json.build(() -> new Dictionary(config, parameters, skip));
    requireSame(configFile, json, weights);
    return dictionary;
  }

  /**
   * The weights have checksums and repeat the config, so that a flipped bit in the config is
   * detected.
   */
  private static void requireSame(Path file, Fields json, Safetensors weights) throws IOException {
    String repeated = weights.metadata().get("config");
    if (repeated != null
        && !Fields.parse(weights.path().toString(), repeated, REMEDY).json().equals(json.json())) {
      throw new IOException(
          file + ": was changed: " + WEIGHTS + " was written with other settings; " + REMEDY);
    }
  }

  private static Fields fields(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(
          file
              + (Files.exists(file.resolveSibling("run.json"))
                  ? " (a run writes its dictionary at its end; continue it with --resume)"
                  : " (a dictionary is a folder with "
                      + CONFIG
                      + " and "
                      + WEIGHTS
                      + within(file.resolveSibling(""))
                      + ")"));
    }
    return Fields.read(file, FORMAT, REMEDY, MAX_CONFIG_BYTES);
  }

  /** The dictionaries of runs that one model fed, say, as the end of a message. */
  private static String within(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return "";
    }
    try (Stream<Path> inside = Files.list(folder)) {
      List<String> names =
          inside
              .filter(each -> Files.isRegularFile(each.resolve(CONFIG)))
              .map(each -> Quoted.of(each.getFileName().toString()))
              .sorted()
              .limit(4)
              .toList();
      return names.isEmpty() ? "" : ", as in it " + String.join(", ", names) + "; name one of them";
    }
  }

  private static DictionaryConfig config(Fields json, Safetensors weights) throws IOException {
    json.text("weights");
    int features = json.integer("features", 1, Integer.MAX_VALUE);
    List<Site> sites = new ArrayList<>();
    if (json.has(SITES)) {
      for (Fields site : json.objects(SITES)) {
        sites.add(new Site(site.text("hook"), site.integer("width", 1, Integer.MAX_VALUE)));
        site.requireNoOthers();
      }
    }
    String model = json.text("model");
    return new DictionaryConfig(
        model,
        TransformerLensNames.known(json.text("inputHook"), model),
        TransformerLensNames.known(json.text("outputHook"), model),
        json.integer("inputWidth", 1, Integer.MAX_VALUE),
        json.integer("outputWidth", 1, Integer.MAX_VALUE),
        features,
        activation(json.object("activation"), weights, features),
        json.flag("subtractDecoderBias"),
        json.flag("rankByDecoderNorm"),
        sites,
        json.has(PREFIXES) ? json.integers(PREFIXES, 1, features) : List.of(),
        json.has(PREPEND_BOS) ? Optional.of(json.flag(PREPEND_BOS)) : Optional.empty(),
        json.has(TOKEN_NORM) ? Optional.of(tokenNorm(json.object(TOKEN_NORM))) : Optional.empty());
  }

  private static TokenNorm tokenNorm(Fields json) throws IOException {
    String type = json.text("type");
    if (!TokenNorm.Kind.labels().contains(type)) {
      throw json.damaged(
          "unknown type "
              + Quoted.of(type)
              + "; known: "
              + String.join(", ", TokenNorm.Kind.labels()));
    }
    TokenNorm norm = new TokenNorm(TokenNorm.Kind.named(type), json.flag("undone"));
    json.requireNoOthers();
    return norm;
  }

  private static ActivationFunction activation(Fields json, Safetensors weights, int features)
      throws IOException {
    String type = json.text("type");
    if (!ActivationFunctions.labels().contains(type)) {
      throw json.damaged(
          "unknown type "
              + Quoted.of(type)
              + "; known: "
              + String.join(", ", ActivationFunctions.labels()));
    }
    ActivationFunction activation =
        ActivationFunctions.named(type)
            .read(json, name -> tensor(weights, name, features).toArray(FLOAT), features);
    json.requireNoOthers();
    return activation;
  }

  private static TensorData vector(String name, float[] values) {
    return TensorData.of(
        name, DType.F32, Arena.ofAuto().allocateFrom(FLOAT, values), values.length);
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
          "%s: tensor '%s' is %s %s, but %s requires float32 %s"
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

  /** A feature whose weights are NaN would never fire, without an error. */
  private static void requireFinite(Safetensors file, String name, long[] shape)
      throws IOException {
    MemorySegment data = file.data(name);
    long width = shape.length == 1 ? 1 : shape[1];
    long values = data.byteSize() / Float.BYTES;
    for (long first = 0; first < values; first += CHECKED_AT_ONCE) {
      long end = Math.min(values, first + CHECKED_AT_ONCE);
      for (long i = first; i < end; i++) {
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
      MappedPages.release(data.asSlice(first * Float.BYTES, (end - first) * Float.BYTES));
    }
  }
}
