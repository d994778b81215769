package io.sluice.dictionary;

import io.sluice.engine.TokenNorm;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The configuration of a dictionary: everything except its weights.
 *
 * @param model the name of the model in the store; may be empty
 * @param inputHook the hook point that the encoder reads, for instance {@code layers.3.attn_out}
 * @param outputHook the hook point that the decoder writes; the same for an autoencoder, another
 *     for a transcoder
 * @param inputWidth width of the encoder's input
 * @param outputWidth width of the decoder's output
 * @param features number of features, h
 * @param activation how pre-activations become codes
 * @param subtractDecoderBias whether the encoder reads {@code x − b_D} instead of {@code x}
 * @param scoreByDecoderNorm whether the score of a feature is {@code f · ‖decoder row‖} instead of
 *     {@code f}
 * @param sites the hook points side by side if the dictionary writes several: {@code outputHook} is
 *     the list of their names, separated by commas, and {@code outputWidth} the sum of their
 *     widths. A dictionary that also reads them is a crosscoder. Empty if it writes one
 * @param prefixes the sizes of the smaller dictionaries of a nested (Matryoshka) one, ascending,
 *     each less than {@code features}: that many first features were trained to reconstruct alone.
 *     Empty if not nested. Codes do not depend on it
 * @param prependBos whether a beginning-of-text token came before each text of the training data;
 *     empty if unknown
 * @param tokenNorm how each token is normalised before encoding; the weights are then in the units
 *     of normalised tokens. Empty in most dictionaries
 */
public record DictionaryConfig(
    String model,
    String inputHook,
    String outputHook,
    int inputWidth,
    int outputWidth,
    int features,
    ActivationFunction activation,
    boolean subtractDecoderBias,
    boolean scoreByDecoderNorm,
    List<Site> sites,
    List<Integer> prefixes,
    Optional<Boolean> prependBos,
    Optional<TokenNorm> tokenNorm) {

  /**
   * A dictionary that writes one hook point, is not nested and does not normalise tokens, with
   * unknown {@code prependBos}; the methods below change that.
   */
  public DictionaryConfig(
      String model,
      String inputHook,
      String outputHook,
      int inputWidth,
      int outputWidth,
      int features,
      ActivationFunction activation,
      boolean subtractDecoderBias,
      boolean scoreByDecoderNorm) {
    this(
        model,
        inputHook,
        outputHook,
        inputWidth,
        outputWidth,
        features,
        activation,
        subtractDecoderBias,
        scoreByDecoderNorm,
        List.of(),
        List.of(),
        Optional.empty(),
        Optional.empty());
  }

  public DictionaryConfig {
    sites = List.copyOf(sites);
    prefixes = List.copyOf(prefixes);
    if (!sites.isEmpty()
        && (!Site.names(sites).equals(outputHook) || Site.widths(sites) != outputWidth)) {
      throw new IllegalArgumentException(
          "sites %s do not make up '%s' of width %d".formatted(sites, outputHook, outputWidth));
    }
    java.util.Objects.requireNonNull(activation, "activation");
    // The spec checks widths and the bias rule; its messages have both values.
    spec(inputWidth, outputWidth, features, subtractDecoderBias, scoreByDecoderNorm);
    if (activation.learned() != Learned.NOTHING) {
      throw new IllegalArgumentException(activation + " is for learning, not for use");
    }
    activation.requireFit(features);
    EngineSpec.requireNested(prefixes, features);
    if (activation instanceof Pursuit && (inputWidth != outputWidth || scoreByDecoderNorm)) {
      throw new IllegalArgumentException(
          "matching pursuit reads what it writes (widths %d and %d) and scores by value"
              .formatted(inputWidth, outputWidth));
    }
    if (tokenNorm.isPresent()) {
      requireFit(tokenNorm.get(), inputWidth, outputWidth, sites);
    }
  }

  private static void requireFit(
      TokenNorm norm, int inputWidth, int outputWidth, List<Site> sites) {
    norm.requireWidth(inputWidth);
    if (norm.undone() && inputWidth != outputWidth) {
      throw new IllegalArgumentException(
          "%s of width %d cannot be undone at an output of width %d"
              .formatted(norm.kind().label(), inputWidth, outputWidth));
    }
    if (!sites.isEmpty()) {
      throw new IllegalArgumentException(
          "a dictionary of several hook points does not normalise each token (%s)"
              .formatted(norm.kind().label()));
    }
  }

  /** Whether each token's own mean is subtracted before encoding. */
  public boolean isCentred() {
    return tokenNorm.filter(norm -> norm.kind() == TokenNorm.Kind.CENTRED).isPresent();
  }

  /** The sites that the encoder reads. */
  public List<Site> inputs() {
    return sites.isEmpty() || !isAutoencoder() ? List.of(new Site(inputHook, inputWidth)) : sites;
  }

  /** The sites that the decoder writes; {@link #inputs} in an autoencoder. */
  public List<Site> outputs() {
    return sites.isEmpty() ? List.of(new Site(outputHook, outputWidth)) : sites;
  }

  /** Whether it writes the hook points that it reads. */
  public boolean isAutoencoder() {
    return inputHook.equals(outputHook);
  }

  /** The same with another activation function. */
  public DictionaryConfig withActivation(ActivationFunction other) {
    return with(copy -> copy.activation = other);
  }

  /**
   * The same with several hook points that it writes; {@code outputHook} has named them already.
   */
  public DictionaryConfig withSites(List<Site> others) {
    return with(copy -> copy.sites = others);
  }

  /** The same with prefixes that are dictionaries too. */
  public DictionaryConfig withPrefixes(List<Integer> ends) {
    return with(copy -> copy.prefixes = ends);
  }

  /** The same with an encoder that reads {@code x − b_D} or {@code x}. */
  public DictionaryConfig subtractingDecoderBias(boolean subtract) {
    return with(copy -> copy.subtractDecoderBias = subtract);
  }

  /** The same with the values of features as their scores. */
  public DictionaryConfig scoredByValue() {
    return with(copy -> copy.scoreByDecoderNorm = false);
  }

  /** The same with another {@code prependBos}. */
  public DictionaryConfig withPrependBos(Optional<Boolean> prepended) {
    return with(copy -> copy.prependBos = prepended);
  }

  /** The same with another token normalisation. */
  public DictionaryConfig withTokenNorm(Optional<TokenNorm> norm) {
    return with(copy -> copy.tokenNorm = norm);
  }

  /**
   * The same with another model and other hook points; for dictionaries that write one hook point.
   */
  public DictionaryConfig named(String otherModel, String reads, String writes) {
    return with(
        copy -> {
          copy.model = otherModel;
          copy.inputHook = reads;
          copy.outputHook = writes;
        });
  }

  private DictionaryConfig with(Consumer<Copy> change) {
    Copy copy = new Copy(this);
    change.accept(copy);
    return new DictionaryConfig(
        copy.model,
        copy.inputHook,
        copy.outputHook,
        inputWidth,
        outputWidth,
        features,
        copy.activation,
        copy.subtractDecoderBias,
        copy.scoreByDecoderNorm,
        copy.sites,
        copy.prefixes,
        copy.prependBos,
        copy.tokenNorm);
  }

  /** What a copy may differ in. */
  private static final class Copy {
    String model;
    String inputHook;
    String outputHook;
    ActivationFunction activation;
    boolean subtractDecoderBias;
    boolean scoreByDecoderNorm;
    List<Site> sites;
    List<Integer> prefixes;
    Optional<Boolean> prependBos;
    Optional<TokenNorm> tokenNorm;

    Copy(DictionaryConfig config) {
      model = config.model;
      inputHook = config.inputHook;
      outputHook = config.outputHook;
      activation = config.activation;
      subtractDecoderBias = config.subtractDecoderBias;
      scoreByDecoderNorm = config.scoreByDecoderNorm;
      sites = config.sites;
      prefixes = config.prefixes;
      prependBos = config.prependBos;
      tokenNorm = config.tokenNorm;
    }
  }

  /**
   * The specification of an engine for this dictionary.
   *
   * @throws IllegalArgumentException if it normalises each token, which the specification cannot
   *     express; {@link Dictionary#open} opens an engine that does
   */
  public EngineSpec spec(Optimiser optimiser) {
    if (tokenNorm.isPresent()) {
      throw new IllegalArgumentException(
          "the dictionary normalises each token ("
              + tokenNorm.get().kind().label()
              + "), which an engine of its spec alone does not and training cannot; use"
              + " Dictionary.open");
    }
    return specOfNormalised(optimiser);
  }

  /** The same for tokens that are already normalised. */
  EngineSpec specOfNormalised(Optimiser optimiser) {
    return new EngineSpec(
            inputWidth, outputWidth, features, subtractDecoderBias, scoreByDecoderNorm, optimiser)
        .writing(sites.stream().map(Site::width).toList());
  }

  private static EngineSpec spec(
      int inputWidth, int outputWidth, int features, boolean subtract, boolean rank) {
    return new EngineSpec(inputWidth, outputWidth, features, subtract, rank, Optimiser.ADAM);
  }
}
