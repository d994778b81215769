package io.sluice.cli.train;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.cli.options.FromOption;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.KindOptions;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.RemedyOptions;
import io.sluice.cli.options.SingleRunOptions;
import io.sluice.cli.options.SparsityOptions;
import io.sluice.cli.options.StartOptions;
import io.sluice.cli.options.StepOptions;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.start.SavedDictionary;
import io.sluice.training.stream.StreamPlan;
import java.io.IOException;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Options for one dictionary to train, and the configuration and the name that follow from them.
 */
public final class TrainingOptions {
  @Mixin private KindOptions kind;

  @Option(
      names = "--features",
      paramLabel = "N",
      defaultValue = "16384",
      description = "Learn N features, also called d_sae (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int features;

  @Mixin private SparsityOptions sparsity;

  @Mixin private StartOptions start;

  @Mixin private FromOption from;

  @Option(
      names = "--centre",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Subtract the decoder bias, which starts at the mean, before the encoder. A "
              + "transcoder subtracts the mean of its input (default: yes).")
  @Grouped(OptionGroup.START)
  private boolean centre;

  @Option(
      names = "--norm-search",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Give the starting rows the common length that reconstructs a sample best, instead "
              + "of length 1 (default: yes).")
  @Grouped(OptionGroup.START)
  private boolean normSearch;

  @Option(
      names = "--rank-by-decoder-norm",
      description = "Select features by activation times decoder norm.")
  @Grouped(OptionGroup.SPARSITY)
  private boolean scoreByDecoderNorm;

  @Mixin private RemedyOptions remedies;

  @Option(
      names = "--optimiser",
      paramLabel = "adam|sparse-adam",
      defaultValue = "adam",
      description =
          "With adam, update all features at each step; with sparse-adam, only those that "
              + "fired (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OPTIMISER)
  private String optimiser;

  @Option(
      names = "--moments",
      paramLabel = "float32|bfloat16",
      defaultValue = "float32",
      description =
          "Keep Adam's moments in this type; bfloat16 takes half the memory and is rounded at "
              + "random (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.OPTIMISER)
  private String moments;

  @Option(
      names = "--precision",
      paramLabel = "float32|bfloat16",
      defaultValue = "float32",
      description =
          "Multiply with the encoder in this type. float32 selects exactly; bfloat16 rounds weights, "
              + "tokens and results, as other libraries do under autocast, and needs the torch engine "
              + "(default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private String precision;

  @Mixin private SingleRunOptions single;

  @Mixin private StepOptions steps;

  @Mixin private PositionOption positions;

  @Mixin private HeldOutOption heldOut;

  @Option(
      names = "--data-seed",
      paramLabel = "N",
      description = "Set the seed for the order of the data (default: --seed).")
  @Grouped(OptionGroup.DATA)
  private Long dataSeed;

  /**
   * A run of these options.
   *
   * @param name in reports
   */
  public record Named(TrainingConfig config, String name) {}

  /** Whether they say what is trained. */
  public boolean isGiven() {
    return kind.isGiven() || from.isGiven();
  }

  /**
   * Rejects invalid values before any work.
   *
   * @param ofTexts whether tokens are those of texts that a model reads
   */
  public void check(SluiceCommand command, boolean ofTexts) {
    steps.check(command, ofTexts);
    positions.check(command);
    heldOut.check(command);
  }

  /** The tokens of text to read, where a model runs; null for all. */
  public Long takeTextTokens() {
    return steps.takeTextTokens();
  }

  /**
   * The only run.
   *
   * @param names translates names that were given to those of the store
   * @throws IOException if a dictionary to go on from is missing or damaged
   */
  public Named run(SluiceCommand command, UnaryOperator<String> names) throws IOException {
    SavedDictionary saved = saved(command);
    TrainingConfig config;
    try {
      config = saved == null ? config(command, kind.choice(names)) : config(command, saved, names);
    } catch (IllegalArgumentException e) {
      throw command.usage(e.getMessage());
    }
    return new Named(config, name(config));
  }

  /** The dictionary to go on from; null for a new one. */
  SavedDictionary saved(SluiceCommand command) throws IOException {
    return from.isGiven() ? from.open(command) : null;
  }

  /**
   * The dictionaries that are asked for.
   *
   * @param saved what the only one goes on from, or null
   * @throws IllegalArgumentException if the options do not fit together
   */
  List<KindOptions.Choice> choices(SavedDictionary saved, UnaryOperator<String> names) {
    return saved == null ? kind.choices(names) : List.of(kind.choice(saved, names));
  }

  /** What all runs share while a model runs. */
  StreamPlan.Rule rule(SluiceCommand command) {
    return new StreamPlan.Rule(
        steps.batch(), heldOut.share(), dataSeed(command), positions.asked());
  }

  /** Takes one pass over the texts as the default number of steps. */
  void onePass(StreamPlan plan) {
    steps.usually(plan.onePass(steps.batch()));
  }

  private long dataSeed(SluiceCommand command) {
    return dataSeed == null ? command.seed() : dataSeed;
  }

  /**
   * The configuration of a run that goes on from a dictionary, whose own settings are defaults.
   *
   * @throws IllegalArgumentException if the options do not fit together
   */
  TrainingConfig config(SluiceCommand command, SavedDictionary saved, UnaryOperator<String> names)
      throws IOException {
    DictionaryConfig its = saved.config();
    sparsity.goOnFrom(its, command);
    if (its.isAutoencoder() && !command.given("--centre")) {
      centre = its.subtractDecoderBias();
    }
    if (!command.given("--rank-by-decoder-norm")) {
      scoreByDecoderNorm = its.scoreByDecoderNorm();
    }
    KindOptions.Choice choice = kind.choice(saved, names);
    features = its.features();
    normSearch = false;
    return builder(command, choice).start(from.start(saved)).build();
  }

  /**
   * The configuration of a new dictionary.
   *
   * @throws IllegalArgumentException if the options do not fit together
   */
  TrainingConfig config(SluiceCommand command, KindOptions.Choice choice) {
    return builder(command, choice).start(start.of(command)).build();
  }

  private TrainingConfigBuilder builder(SluiceCommand command, KindOptions.Choice choice) {
    TrainingConfigBuilder config =
        TrainingConfig.of(choice.hook())
            .kind(choice.kind())
            .features(features)
            .centre(centre)
            .normalise(start.normalise())
            .normSearch(normSearch)
            .scoreByDecoderNorm(scoreByDecoderNorm)
            .optimiser(optimiser())
            .moments(floats("moments", moments))
            .precision(floats("products", precision))
            .learningRate(single.learningRate())
            .seed(command.seed())
            .dataSeed(dataSeed(command))
            .heldOut(heldOut.share())
            .remedies(remedies.remedies(start.tau(), steps.deadAfter()));
    steps.apply(config, steps.batch());
    sparsity.apply(config, steps.count());
    positions.asked().ifPresent(config::fromPosition);
    return config;
  }

  private Optimiser optimiser() {
    return Optimiser.ofLabel(
        OptionSpelling.value(
            optimiser, Stream.of(Optimiser.values()).map(Optimiser::label).toList()));
  }

  private static DType floats(String what, String given) {
    List<String> known = List.of(DType.F32.label(), DType.BF16.label());
    String label = OptionSpelling.value(given, known);
    if (!known.contains(label)) {
      throw new IllegalArgumentException(
          "unknown type of %s '%s'; known: %s".formatted(what, label, String.join(", ", known)));
    }
    return DType.ofLabel(label);
  }

  /** The name of a run in reports: as given, or what distinguishes its configuration. */
  String name(TrainingConfig config) {
    return single.name(usualName(config));
  }

  private String usualName(TrainingConfig config) {
    String kindOf = config.kind().title().isEmpty() ? "" : config.kind().title() + ", ";
    return kindOf
        + (from.isGiven() ? "trained further" : start.label())
        + (config.sparsity().activation() instanceof TopK
            ? ""
            : ", " + config.sparsity().activation().label())
        + (config.centre() ? ", centred" : "")
        + RemedyOptions.title(config.remedies())
        + (config.optimiser() == Optimiser.SPARSE_ADAM ? ", sparse Adam" : "")
        + (config.moments() == DType.BF16 ? ", bfloat16 moments" : "")
        + (config.precision() == DType.BF16 ? ", bfloat16 products" : "");
  }
}
