package io.sluice.dictionary.formats;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
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
import io.sluice.memory.DType;
import io.sluice.weights.PyTorchFile;
import io.sluice.weights.PyTorchWriter;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorPieces;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * dictionary_learning: {@code ae.pt}, a state_dict that {@code torch.save} wrote, beside {@code
 * config.json}, whose {@code trainer.dict_class} names the class. The classes differ in names, in
 * layout, and in whether the encoder subtracts the decoder bias.
 */
final class DictionaryLearning implements FolderFormat {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "ae.pt";

  private static final String MATRYOSHKA = "MatryoshkaBatchTopKSAE";
  private static final String GROUPS = "group_sizes";

  private static final List<String> KNOWN =
      List.of(
          "AutoEncoder",
          "AutoEncoderNew",
          "GatedAutoEncoder",
          "JumpReluAutoEncoder",
          "AutoEncoderTopK",
          "BatchTopKSAE",
          MATRYOSHKA);

  private static final Pattern PLACE =
      Pattern.compile("(resid_post|resid_out|resid|attn_out|attn|mlp_out|mlp)_layer_?(\\d{1,4})");
  private static final Map<String, String> PLACES =
      Map.of(
          "resid_post", "resid",
          "resid_out", "resid",
          "resid", "resid",
          "attn_out", "attn_out",
          "attn", "attn_out",
          "mlp_out", "mlp_out",
          "mlp", "mlp_out");

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @Override
  public String label() {
    return "dictionary_learning";
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
    ForeignConfig whole = ForeignConfig.read(folder.resolve(CONFIG));
    ForeignConfig config = whole.within("trainer");
    String kind = config.text("dict_class");
    if (!KNOWN.contains(kind)) {
      throw config.unknown("dict_class", kind, KNOWN);
    }
    int width = config.positive("activation_dim");
    int features = config.positive("dict_size");
    ForeignTensors tensors = new ForeignTensors(PyTorchFile.open(folder.resolve(WEIGHTS)), CONFIG);
    // Two classes keep matrices as parameters, the others as linear layers, whose weights are
    // transposed.
    boolean layers = !kind.equals("JumpReluAutoEncoder") && !kind.equals(MATRYOSHKA);
    WeightRows encoder =
        layers
            ? tensors.rows("encoder.weight", features, width)
            : tensors.transposed("W_enc", features, width);
    WeightRows decoder =
        layers
            ? tensors.transposed("decoder.weight", features, width)
            : tensors.rows("W_dec", features, width);
    String biasName =
        switch (kind) {
          case "AutoEncoder" -> "bias";
          case "AutoEncoderNew" -> "decoder.bias";
          case "GatedAutoEncoder" -> "decoder_bias";
          default -> "b_dec";
        };
    MemorySegment decoderBias = tensors.segment(biasName, width);
    MemorySegment encoderBias;
    ActivationFunction activation;
    if (kind.equals("GatedAutoEncoder")) {
      float[] bias = tensors.vector("mag_bias", features);
      float[] logScale = tensors.vector("r_mag", features);
      activation = Gate.activation(logScale, tensors.vector("gate_bias", features), bias);
      encoder = Gate.magnitude(encoder, width, logScale);
      encoderBias = ForeignTensors.segment(bias);
    } else {
      encoderBias = tensors.segment(layers ? "encoder.bias" : "b_enc", features);
      activation = activation(kind, config, tensors, features);
    }
    List<Integer> prefixes =
        kind.equals(MATRYOSHKA) && tensors.has(GROUPS)
            ? prefixes(config, tensors, features)
            : List.of();
    tensors.requireNoOthers("a " + kind);
    boolean subtract = !kind.equals("AutoEncoderNew") && !kind.equals("JumpReluAutoEncoder");
    String hook = hook(config);
    DictionarySource dictionary =
        new DictionarySource(
            new DictionaryConfig(
                    config.text("lm_name", ""),
                    hook,
                    hook,
                    width,
                    width,
                    features,
                    activation,
                    subtract,
                    false)
                .withPrefixes(prefixes),
            encoder,
            encoderBias,
            decoder,
            decoderBias,
            null);
    // The library's loader makes this class's decoder rows unit vectors; codes refer to them.
    return kind.equals("AutoEncoder") ? Conventions.withUnitDecoder(dictionary) : dictionary;
  }

  /** The hook point: {@code resid_post_layer_3} and its relatives are names of a layer's places. */
  private static String hook(ForeignConfig config) throws IOException {
    String name = config.text("submodule_name", "");
    Matcher place = PLACE.matcher(name);
    return place.matches() ? "layers." + place.group(2) + "." + PLACES.get(place.group(1)) : name;
  }

  /** The ends of nested dictionaries, from the number of features that each adds. */
  private static List<Integer> prefixes(ForeignConfig config, ForeignTensors tensors, int features)
      throws IOException {
    List<Integer> ends = new ArrayList<>();
    long end = 0;
    for (long size : tensors.integers(GROUPS)) {
      if (size < 1 || size > features - end) {
        throw config.wrong(
            "%s in %s add up to other than the %d features".formatted(GROUPS, WEIGHTS, features));
      }
      end += size;
      ends.add((int) end);
    }
    if (end != features) {
      throw config.wrong(
          "%s in %s add up to %d, not to the %d features"
              .formatted(GROUPS, WEIGHTS, end, features));
    }
    return ends.subList(0, ends.size() - 1);
  }

  private static ActivationFunction activation(
      String kind, ForeignConfig config, ForeignTensors tensors, int features) throws IOException {
    switch (kind) {
      case "AutoEncoder", "AutoEncoderNew" -> {
        return new ReLU();
      }
      case "JumpReluAutoEncoder" -> {
        return new JumpReLU(Thresholds.of(tensors.vector("threshold", features)));
      }
      default -> {
        int k = config.count("k", features);
        tensors.ignore("k");
        if (kind.equals("AutoEncoderTopK")) {
          // An alternative to k that the library uses only on request.
          tensors.ignore("threshold");
          return new TopK(k);
        }
        if (kind.equals("BatchTopKSAE") && !tensors.has("threshold")) {
          // Before December 2024 features were selected over the given batch.
          return new BatchTopK(k, OptionalDouble.empty());
        }
        // −1 means that none was found; the library then keeps all positive features.
        double threshold = Math.max(0, tensors.scalar("threshold"));
        return new BatchTopK(k, OptionalDouble.of(threshold));
      }
    }
  }

  @Override
  public void save(DictionarySource given, Path folder) throws IOException {
    if (ForeignWriter.isTranscoder(given)) {
      throw ForeignWriter.refused(
          "dictionary_learning", "transcoders", "convert to sparsify, saelens or llamascopium");
    }
    DictionarySource dictionary = Conventions.withValueThresholds(given);
    if (dictionary.config().scoreByDecoderNorm()) {
      dictionary = Conventions.withUnitDecoder(dictionary);
    }
    boolean subtract =
        switch (dictionary.config().activation()) {
          case ReLU relu -> false;
          case JumpReLU jump -> false;
          default -> true;
        };
    dictionary = Conventions.subtracting(dictionary, subtract);
    DictionaryConfig c = dictionary.config();
    ObjectNode json = ForeignConfig.object();
    ObjectNode trainer = json.putObject("trainer");
    List<TensorPieces> tensors = new ArrayList<>();
    String kind = kind(dictionary, trainer, tensors);
    trainer.put("dict_class", kind);
    trainer.put("activation_dim", c.inputWidth());
    trainer.put("dict_size", c.features());
    trainer.put("lm_name", c.model());
    trainer.put("submodule_name", c.inputHook());
    OutputFolder.make(folder);
    PyTorchWriter.writePieces(folder.resolve(WEIGHTS), tensors);
    ForeignConfig.write(folder.resolve(CONFIG), json);
  }

  private static String kind(
      DictionarySource dictionary, ObjectNode trainer, List<TensorPieces> tensors) {
    DictionaryConfig c = dictionary.config();
    return switch (c.activation()) {
      case Pursuit pursuit ->
          throw ForeignWriter.refused(
              "dictionary_learning", "matching pursuit", "convert to saelens, which has them");
      case AbsTopK signed ->
          throw ForeignWriter.refused(
              "dictionary_learning",
              "signed codes (abstopk)",
              "convert to saelens, which has them");
      case TopK(int k) -> {
        counted(trainer, tensors, k, -1);
        layers(tensors, dictionary, "encoder.bias", "b_dec");
        yield "AutoEncoderTopK";
      }
      case BatchTopK batch -> {
        if (batch.threshold().isEmpty()) {
          throw ForeignWriter.refused(
              "dictionary_learning",
              "BatchTopK dictionaries without a threshold, and this one has none",
              "convert to llamascopium, which has them");
        }
        counted(trainer, tensors, batch.k(), (float) batch.threshold().getAsDouble());
        if (!c.prefixes().isEmpty()) {
          matrices(tensors, dictionary);
          groups(trainer, tensors, c);
          yield MATRYOSHKA;
        }
        layers(tensors, dictionary, "encoder.bias", "b_dec");
        yield "BatchTopKSAE";
      }
      case ReLU relu -> {
        layers(tensors, dictionary, "encoder.bias", "decoder.bias");
        yield "AutoEncoderNew";
      }
      case Gated(Thresholds thresholds) -> {
        layers(tensors, dictionary, "mag_bias", "decoder_bias");
        float[] magnitude = dictionary.encoderBias().toArray(FLOAT);
        tensors.add(ForeignWriter.floats("gate_bias", Gate.bias(magnitude, thresholds)));
        tensors.add(ForeignWriter.floats("r_mag", new float[c.features()]));
        yield "GatedAutoEncoder";
      }
      case JumpReLU(Thresholds thresholds) -> {
        matrices(tensors, dictionary);
        tensors.add(ForeignWriter.floats("threshold", thresholds.toArray(c.features())));
        yield "JumpReluAutoEncoder";
      }
      default ->
          throw ForeignWriter.refused(
              "dictionary_learning",
              "activation " + c.activation().label(),
              "keep it in Sluice's format");
    };
  }

  private static void matrices(List<TensorPieces> tensors, DictionarySource dictionary) {
    DictionaryConfig c = dictionary.config();
    tensors.add(
        ForeignWriter.transposed("W_enc", dictionary.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.floats("b_enc", dictionary.encoderBias(), c.features()));
    tensors.add(ForeignWriter.matrix("W_dec", dictionary.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats("b_dec", dictionary.decoderBias(), c.outputWidth()));
  }

  private static void groups(ObjectNode trainer, List<TensorPieces> tensors, DictionaryConfig c) {
    List<Integer> ends = new ArrayList<>(c.prefixes());
    ends.add(c.features());
    long[] sizes = new long[ends.size()];
    ArrayNode listed = trainer.putArray(GROUPS);
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = ends.get(i) - (i == 0 ? 0 : ends.get(i - 1));
      listed.add(sizes[i]);
    }
    MemorySegment values = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_LONG, sizes);
    tensors.add(TensorPieces.of(TensorData.of(GROUPS, DType.I64, values, sizes.length)));
  }

  private static void layers(
      List<TensorPieces> tensors,
      DictionarySource dictionary,
      String encoderBias,
      String decoderBias) {
    DictionaryConfig c = dictionary.config();
    tensors.add(
        ForeignWriter.matrix("encoder.weight", dictionary.encoder(), c.features(), c.inputWidth()));
    tensors.add(ForeignWriter.floats(encoderBias, dictionary.encoderBias(), c.features()));
    tensors.add(
        ForeignWriter.transposed(
            "decoder.weight", dictionary.decoder(), c.features(), c.outputWidth()));
    tensors.add(ForeignWriter.floats(decoderBias, dictionary.decoderBias(), c.outputWidth()));
  }

  private static void counted(
      ObjectNode trainer, List<TensorPieces> tensors, int k, float threshold) {
    trainer.put("k", k);
    MemorySegment count = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_INT, k);
    tensors.add(TensorPieces.of(TensorData.of("k", DType.I32, count)));
    MemorySegment single = ForeignTensors.segment(new float[] {threshold});
    tensors.add(ForeignWriter.floats("threshold", single));
  }
}
