package io.sluice.model.loading;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.LanguageModel;
import io.sluice.model.Transformer;
import io.sluice.model.architectures.Architectures;
import io.sluice.model.bert.BertCheckpoint;
import io.sluice.model.bert.BertFamily;
import io.sluice.model.bert.BertOnnx;
import io.sluice.model.bert.BertWeights;
import io.sluice.model.bert.Encoder;
import io.sluice.model.bert.ModernBertCheckpoint;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.CausalModel;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.GgufTensors;
import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.ModelTensors;
import io.sluice.model.tokens.BeginningOfText;
import io.sluice.model.tokens.EndOfText;
import io.sluice.model.tokens.Tokenizer;
import io.sluice.torch.Device;
import io.sluice.weights.GgufFile;
import io.sluice.weights.OnnxFile;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A transformer with its tokenizer.
 *
 * @param name what the model is called
 * @param transformer the model; closed with this
 * @param tokenizer its tokenizer; closed with this
 * @param endOfText tokens with which it ends a text; empty for encoders, and where its files name
 *     none
 * @param beginningOfText the token with which its texts begin, whether or not the tokenizer puts it
 *     there; empty where its files name none
 */
public record LoadedModel(
    String name,
    Transformer transformer,
    Tokenizer tokenizer,
    Set<Integer> endOfText,
    OptionalInt beginningOfText)
    implements AutoCloseable {
  /** Copies the set. */
  public LoadedModel {
    endOfText = Set.copyOf(endOfText);
  }

  /**
   * Opens a model.
   *
   * @param path a weight file or a folder, see {@link ModelFiles#find}
   * @param device where it is to run
   * @throws IOException if a file is missing or damaged, or the architecture is not supported
   * @throws io.sluice.torch.TorchException if there is no LibTorch, or no such device
   */
  public static LoadedModel open(Path path, Device device) throws IOException {
    return open(ModelFiles.find(path), device);
  }

  /**
   * Opens a model from known files, to run in float32.
   *
   * @throws IOException as {@link #open(Path, Device)}
   */
  public static LoadedModel open(ModelFiles files, Device device) throws IOException {
    return open(files, device, ComputeType.FLOAT32);
  }

  /**
   * Opens a model from known files.
   *
   * @param compute what it computes in
   * @throws IOException as {@link #open(Path, Device)}
   * @throws IllegalArgumentException if the model, the device or LibTorch does not run in {@code
   *     compute}
   */
  public static LoadedModel open(ModelFiles files, Device device, ComputeType compute)
      throws IOException {
    return open(files, device, compute, Architectures.builtIn());
  }

  /**
   * Opens a model from known files, of one of these architectures or an encoder.
   *
   * @throws IOException as {@link #open(Path, Device)}
   * @throws IllegalArgumentException as {@link #open(ModelFiles, Device, ComputeType)}
   */
  public static LoadedModel open(
      ModelFiles files, Device device, ComputeType compute, Architectures architectures)
      throws IOException {
    TensorSource source = TensorSource.open(files.weights());
    Opened opened = opened(files, source, architectures);
    Tokenizer tokenizer = tokenizer(files, source, opened);
    try {
      Transformer transformer = opened.maker.make(device, compute);
      try {
        int vocabulary = transformer.shape().vocabulary();
        return new LoadedModel(
            files.name(),
            transformer,
            tokenizer,
            opened.endOfText,
            opened.beginning.of(tokenizer, vocabulary));
      } catch (IOException | RuntimeException | Error e) {
        transformer.close();
        throw e;
      }
    } catch (IOException | RuntimeException | Error e) {
      tokenizer.close();
      throw e;
    }
  }

  /**
   * What the files say before any weight is read.
   *
   * @param vocabulary rows of the token embedding, where the configuration says it; else 0
   */
  private record Opened(
      ModelMaker maker, int vocabulary, Set<Integer> endOfText, Beginning beginning) {}

  /** Finds the token with which texts begin. */
  @FunctionalInterface
  private interface Beginning {
    OptionalInt of(Tokenizer tokenizer, int vocabulary) throws IOException;
  }

  /** Makes a model once the files it needs have been read. */
  @FunctionalInterface
  private interface ModelMaker {
    Transformer make(Device device, ComputeType compute) throws IOException;
  }

  private static Tokenizer tokenizer(ModelFiles files, TensorSource source, Opened opened)
      throws IOException {
    if (files.lacksTokenizer()) {
      return Tokenizer.missing(
          files.weights().resolveSibling(TokenizerChoice.FILE), files.missingTokenizer());
    }
    return files.tokenizer() == null && source instanceof GgufFile gguf
        ? Tokenizer.of(gguf, opened.vocabulary)
        : Tokenizer.open(files.tokenizer());
  }

  private static Opened opened(ModelFiles files, TensorSource source, Architectures architectures)
      throws IOException {
    if (source instanceof OnnxFile onnx) {
      return encoder(bert(new BertOnnx(onnx), source), (tokenizer, tokens) -> OptionalInt.empty());
    }
    if (source instanceof GgufFile gguf) {
      CausalConfig config = GgufSettings.read(gguf, architectures.of(gguf));
      return causal(
          config,
          new GgufTensors(gguf, config),
          EndOfText.of(gguf),
          (tokenizer, tokens) -> BeginningOfText.of(gguf, tokens));
    }
    if (files.config() == null) {
      throw new IOException(
          files.weights() + ": has no config.json beside it; put the model's own there");
    }
    ConfigFile file = ConfigFile.read(files.config());
    String type = file.text("model_type", "");
    Beginning beginning = (tokenizer, tokens) -> BeginningOfText.of(file, tokenizer, tokens);
    BertFamily family = BertFamily.ofLabel(type);
    if (family != null) {
      CommonKeys.check(file, family.keys());
      return encoder(bert(BertCheckpoint.of(family, file, source), source), beginning);
    }
    if (type.equals(ModernBertCheckpoint.LABEL)) {
      CommonKeys.check(file, ModernBertCheckpoint.keys());
      ModernBertCheckpoint checkpoint = ModernBertCheckpoint.of(file);
      return encoder(
          (device, compute) -> Encoder.modernBert(checkpoint, source, device, compute), beginning);
    }
    Architecture architecture = architectures.ofLabel(type);
    if (architecture == null) {
      throw file.unsupported("architecture", type, encoders() + ", " + architectures.labels());
    }
    CommonKeys.check(file, architecture.configKeys());
    CausalConfig config = CausalConfigFile.read(file, architecture);
    return causal(config, ModelTensors.of(source), EndOfText.of(file), beginning);
  }

  private static String encoders() {
    Stream<String> family = Arrays.stream(BertFamily.values()).map(BertFamily::label);
    return Stream.concat(family, Stream.of(ModernBertCheckpoint.LABEL))
        .collect(Collectors.joining(", "));
  }

  private static Opened causal(
      CausalConfig config, ModelTensors tensors, Set<Integer> endOfText, Beginning beginning) {
    return new Opened(
        (device, compute) -> new CausalModel(config, tensors, device, compute),
        config.vocabulary(),
        endOfText,
        beginning);
  }

  private static Opened encoder(ModelMaker maker, Beginning beginning) {
    ModelMaker checked =
        (device, compute) -> {
          if (compute.dtype() != DType.F32) {
            throw new IllegalArgumentException(
                "encoders run in float32 or bfloat16x3, not " + compute.label());
          }
          return maker.make(device, compute);
        };
    return new Opened(checked, 0, Set.of(), beginning);
  }

  private static ModelMaker bert(BertWeights weights, TensorSource source) {
    return (device, compute) -> Encoder.bert(weights, source, device, compute);
  }

  /**
   * The first position of a context whose activations are like the others'; statistics, training
   * and evaluation begin there unless told otherwise. A causal model's first token, whatever it is,
   * is an attention sink with activations of another scale, so it is 1 there; encoders have none.
   */
  public int firstPosition() {
    return transformer instanceof LanguageModel ? 1 : 0;
  }

  /** Whether contexts begin with a special token. */
  public boolean beginsContexts() {
    return tokenizer.prefix().length > 0;
  }

  /**
   * This model with contexts that begin with its beginning-of-text token even if its tokenizer adds
   * none, as SAELens's {@code prepend_bos}; or with contexts that do not begin with it, even if its
   * tokenizer adds it. Where the tokenizer does so already, nothing changes.
   *
   * @return a model that shares its weights with this one: close one of the two
   * @throws IllegalArgumentException if contexts are to begin with a token and the model's files
   *     name none
   */
  public LoadedModel withBeginning(boolean begins) {
    int[] prefix = tokenizer.prefix();
    boolean has = beginningOfText.isPresent() && prefix.length > 0;
    boolean first = has && prefix[0] == beginningOfText.getAsInt();
    if (begins && beginningOfText.isEmpty()) {
      throw new IllegalArgumentException(
          name
              + " has no beginning-of-text token (bos_token of tokenizer_config.json, bos_token_id of"
              + " generation_config.json or config.json)"
              + (prefix.length > 0 ? "; its contexts begin with token " + prefix[0] : ""));
    }
    if (begins == first) {
      return this;
    }
    int[] changed =
        begins
            ? IntStream.concat(IntStream.of(beginningOfText.getAsInt()), IntStream.of(prefix))
                .toArray()
            : Arrays.copyOfRange(prefix, 1, prefix.length);
    return new LoadedModel(
        name, transformer, tokenizer.withPrefix(changed), endOfText, beginningOfText);
  }

  /**
   * This model with contexts that begin as those of a store or of a dictionary's training did.
   *
   * @param recorded whether they began with a special token; empty where that is not known, and
   *     nothing changes
   * @throws IllegalArgumentException as {@link #withBeginning}
   */
  public LoadedModel beginningAs(Optional<Boolean> recorded) {
    return recorded.isEmpty() || recorded.get() == beginsContexts()
        ? this
        : withBeginning(recorded.get());
  }

  /**
   * The model as one that predicts tokens.
   *
   * @throws IllegalArgumentException if it is not a causal language model
   */
  public LanguageModel languageModel() {
    if (transformer instanceof LanguageModel model) {
      return model;
    }
    throw new IllegalArgumentException(
        name
            + " is a "
            + transformer.shape().architecture()
            + " encoder, which predicts no next tokens; give a causal language model ("
            + Architectures.builtIn().labels()
            + ")");
  }

  /** Frees the weights and the tokenizer. */
  @Override
  public void close() {
    transformer.close();
    tokenizer.close();
  }
}
