package io.sluice.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.ResultText;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.FromOption;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.KindOptions;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.RemedyOptions;
import io.sluice.cli.options.RunOptions;
import io.sluice.cli.options.SingleRunOptions;
import io.sluice.cli.options.SparsityOptions;
import io.sluice.cli.options.StartOptions;
import io.sluice.cli.options.StepOptions;
import io.sluice.cli.stream.StreamOptions;
import io.sluice.cli.stream.StreamedTraining;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.model.HookPatterns;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.names.TransformerLensNames;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.StoppedException;
import io.sluice.training.start.SavedDictionary;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.stream.StreamFile;
import io.sluice.training.stream.StreamPlan;
import io.sluice.training.stream.StreamRun;
import io.sluice.training.stream.StreamedRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice train}: trains a sparse dictionary on the hook points of a store. */
@Command(
    name = "train",
    customSynopsis = {
      "sluice train --store DIR --hook NAME --out DIR [OPTION...]",
      "sluice train --resume --out DIR"
    },
    description = {
      "Train a sparse autoencoder, transcoder or crosscoder on stored activations.",
      "One --hook trains an autoencoder. With --target it is a transcoder, which reads "
          + "--hook and writes --target. Several hooks, separated by commas, train a crosscoder, "
          + "whose features they share. Several hooks with one target for each train a "
          + "cross-layer transcoder: the features of each layer write its target and those after it, and --features and "
          + "--k count those of one layer.",
      "With --model and --text, the model runs while dictionaries are trained on what it gives, and "
          + "no store is made. Its activations go through a buffer of limited size on the disk, two "
          + "windows of the texts, each of which is shuffled as a store is: while one is trained on, "
          + "the next is captured. A buffer that has room for all tokens gives the dictionary of a "
          + "store, bit for bit. Means, subspaces and held-out tokens are those of the first window. "
          + "Several --hook train one dictionary for each, in folders of --out.",
      "The run folder gets metrics and checkpoints while the run lasts, and the dictionary "
          + "at its end. An interrupted run continues with --resume --out DIR; add --store if "
          + "the store has moved. With --from, training goes on from a finished dictionary, of "
          + "Sluice or of another library."
    },
    footer = {
      "Activation functions (--activation):",
      "  topk  Keep the --k largest features of a token.",
      "  abstopk  Keep the --k features furthest from 0, with their signs.",
      "  batchtopk  Keep --k features a token on average over a batch. The finished "
          + "dictionary keeps those above a threshold that the run has found.",
      "  relu  Keep all positive features. This needs --penalty.",
      "  jumprelu  Keep features above their own threshold, which is learned. This needs "
          + "--penalty; --k features of a token fire at the start.",
      "  gated  Keep features whose learned gate is open. This needs --penalty; "
          + "--k features of a token fire at the start.",
      "  matching_pursuit  Pick at most --k features, one after the other.",
      "Penalties (--penalty-kind), with u = activation times decoder norm:",
      "  l1  The penalty is u.",
      "  tanh  The penalty is tanh(S*u), with S from --tanh-scale.",
      "  power  The penalty is u to the power p, which falls from 1 to --p-end (p-annealing).",
      "  l0  The penalty is 1 for each code. This is for jumprelu only.",
      "@FILE takes options from a file. There, # begins a comment, quotes hold a word with "
          + "spaces, and lines may break between words. An option on the command line replaces "
          + "the same one in the file. 'sluice train @asi.args --lr 0.0005' with this asi.args "
          + "trains at 0.0005:",
      "    --store activations",
      "    --hook layers.3.attn_out",
      "    --features 16384 --k 32    # d_sae and L0",
      "    --lr 0.001                 # the command line says 0.0005",
      "    --steps 800",
      "    --out runs/asi"
    })
@Examples({
  "sluice train --store activations --hook layers.3.attn_out --features 16384 --k 32 "
      + "--steps 800 --out runs/asi",
  "sluice train --store activations --hook layers.2.resid --target layers.3.mlp_out "
      + "--skip --steps 800 --out runs/transcoder",
  "sluice train --store activations --hook "
      + "layers.2.resid,layers.3.resid,layers.4.resid --steps 800 --out runs/crosscoder",
  "sluice train --store activations --hook layers.1.resid,layers.2.resid --target "
      + "layers.2.mlp_out,layers.3.mlp_out --features 8192 --k 16 --out runs/layers",
  "sluice train --store activations --from runs/asi --lr 0.0001 --steps 200 --out runs/further",
  "sluice train --store activations --hook layers.3.attn_out --activation jumprelu "
      + "--penalty 0.3 --penalty-steps 200 --steps 800 --out runs/jumprelu",
  "sluice train --model SmolLM2-135M --text 'texts/*.parquet' --tokens 100000000 --buffer 20G "
      + "--hook layers.9.resid --hook layers.21.resid --features 16384 --k 32 --out runs/both"
})
final class TrainCommand extends SluiceCommand {
  @Mixin private RunOptions files;

  @Mixin private StreamOptions stream;

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

  @Mixin private EngineOptions engines;

  @Option(
      names = "--data-seed",
      paramLabel = "N",
      description = "Set the seed for the order of the data (default: --seed).")
  @Grouped(OptionGroup.DATA)
  private Long dataSeed;

  @Mixin private JsonOption json;

  /** Whether one of several runs has diverged. */
  private boolean failed;

  @Override
  protected void run() throws IOException {
    boolean streams = stream.isAsked() && !files.resume();
    if (streams) {
      checkStream();
    } else {
      files.check(this, kind.isGiven() || from.isGiven(), "--store and --hook or --from", Set.of());
      stream.requireNone(this);
    }
    steps.check(this, streams);
    positions.check(this);
    heldOut.check(this);
    engines.check(this);
    if (streams || files.resume() && StreamFile.isIn(files.out())) {
      stream(streams);
      return;
    }
    try (Trainer trainer = files.resume() ? resumed() : started()) {
      RunResult result = train(trainer);
      if (json.asked()) {
        out().println(new ObjectMapper().writeValueAsString(result));
      } else {
        print(trainer, result, files.out());
      }
    }
  }

  private void checkStream() {
    if (files.store() != null) {
      throw usage("give --store or --model, not both");
    }
    if (!kind.isGiven() && !from.isGiven()) {
      throw usage("give --hook, the hook points of --model to train on");
    }
    stream.check(this);
  }

  /** Trains while a model runs. */
  private void stream(boolean begins) throws IOException {
    StreamedTraining training = new StreamedTraining(this, files.out());
    List<StreamedRuns.Outcome> outcomes;
    requirePlace(begins);
    if (begins) {
      stream.limit(steps.takeTextTokens());
      outcomes =
          training.start(
              stream, engines.device(this), new Streamed(), engines.engines(this), engines.label());
    } else {
      if (files.store() != null) {
        throw usage("the run in --out reads no store; leave --store out");
      }
      outcomes = training.resume(used -> engines.engines(this, used));
    }
    printAll(outcomes);
  }

  /** Whether there is a run shows before the texts are tokenised, which may take hours. */
  private void requirePlace(boolean begins) throws IOException {
    Path out = files.out();
    if (begins) {
      if (StreamFile.isIn(out) || Files.exists(out.resolve(RunFolder.DESCRIPTION))) {
        throw new IOException(
            out + ": holds a run already; continue it with --resume, or choose another folder");
      }
      return;
    }
    StreamedRuns.requireUnfinished(StreamFile.read(out), out);
  }

  /** What a new stream trains. */
  private final class Streamed implements StreamedTraining.Choice {
    private List<KindOptions.Choice> choices;
    private SavedDictionary saved;
    private UnaryOperator<String> names;

    @Override
    public List<String> hooks(LoadedModel model) throws IOException {
      saved = from.isGiven() ? from.open(TrainCommand.this) : null;
      names = name -> TransformerLensNames.translated(name, model.name());
      try {
        choices = saved == null ? kind.choices(names) : List.of(kind.choice(saved, names));
      } catch (IllegalArgumentException e) {
        throw usage(e.getMessage());
      }
      List<String> hooks =
          choices.stream().flatMap(choice -> choice.names().stream()).distinct().toList();
      for (String hook : hooks) {
        if (HookPatterns.isPattern(hook)) {
          throw usage(
              "'" + hook + "' stands for several hook points; give --hook once for each of them");
        }
      }
      return hooks;
    }

    @Override
    public StreamPlan.Rule rule() {
      return new StreamPlan.Rule(steps.batch(), heldOut.share(), dataSeed(), positions.asked());
    }

    @Override
    public List<StreamRun> runs(LoadedModel model, StreamPlan plan) throws IOException {
      steps.usually(plan.onePass(steps.batch()));
      List<StreamRun> runs = new ArrayList<>();
      try {
        for (KindOptions.Choice choice : choices) {
          TrainingConfig config = saved == null ? config(choice) : config(saved, names);
          String own = choices.size() == 1 ? "." : String.join("+", choice.names());
          String name = single.name(usualName(config));
          runs.add(new StreamRun(config, choices.size() == 1 ? name : name + ", " + own, own));
        }
      } catch (IllegalArgumentException e) {
        throw usage(e.getMessage());
      }
      return runs;
    }
  }

  private Trainer started() throws IOException {
    ActivationStore store = files.open();
    SavedDictionary saved = from.isGiven() ? from.open(this) : null;
    TrainingConfig config;
    try {
      config =
          saved == null ? config(kind.choice(store::hookName)) : config(saved, store::hookName);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    return Trainer.start(
        store, config, engines.engines(this), single.name(usualName(config)), files.out());
  }

  private Trainer resumed() throws IOException {
    JsonNode settings = Trainer.settings(files.out());
    if (settings.has("stream")) {
      Path own = files.out().toAbsolutePath().normalize();
      Path sweep = own.resolve("../..").normalize();
      throw new IOException(
          files.out()
              + ": is one of several runs that one model feeds; continue them together, with "
              + (Files.exists(sweep.resolve(RunFolder.SWEEP))
                  ? "'sluice sweep --resume --out " + sweep + "'"
                  : "--out " + own.getParent()));
    }
    // An engine's name is its kind and its device, and perhaps more.
    return Trainer.resume(
        files.open(settings), engines.engines(this, settings.path("engine").asText()), files.out());
  }

  private long dataSeed() {
    return dataSeed == null ? seed() : dataSeed;
  }

  private TrainingConfig config(SavedDictionary saved, UnaryOperator<String> names)
      throws IOException {
    DictionaryConfig its = saved.config();
    sparsity.goOnFrom(its, this);
    if (its.isAutoencoder() && !given("--centre")) {
      centre = its.subtractDecoderBias();
    }
    if (!given("--rank-by-decoder-norm")) {
      scoreByDecoderNorm = its.scoreByDecoderNorm();
    }
    KindOptions.Choice choice = kind.choice(saved, names);
    features = its.features();
    normSearch = false;
    return builder(choice).start(from.start(saved)).build();
  }

  private TrainingConfig config(KindOptions.Choice choice) {
    return builder(choice).start(start.of(this)).build();
  }

  private TrainingConfigBuilder builder(KindOptions.Choice choice) {
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
            .seed(seed())
            .dataSeed(dataSeed())
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

  private RunResult train(Trainer trainer) throws IOException {
    long perStep = trainer.config().schedule().batch();
    try (StopSignal signal = StopSignal.listen()) {
      try (Progress progress =
          progress("train", trainer.config().schedule().steps() * perStep, "tokens")) {
        progress.startingAt(trainer.step() * perStep);
        RunResult result =
            trainer.run(new TrainingProgress(progress, (step, seen) -> seen, signal));
        progress.done();
        return result;
      } catch (StoppedException e) {
        printHowToContinue(e, "train --resume --out " + files.out());
        throw e;
      }
    }
  }

  private void printAll(List<StreamedRuns.Outcome> outcomes) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    boolean several = outcomes.size() > 1;
    ObjectNode all = mapper.createObjectNode();
    for (StreamedRuns.Outcome outcome : outcomes) {
      String name = outcome.run().folder();
      all.set(
          name,
          outcome.result() == null
              ? mapper.createObjectNode().put("failure", outcome.failure())
              : mapper.valueToTree(outcome.result()));
      failed |= outcome.result() == null;
      if (json.asked()) {
        continue;
      }
      if (several) {
        out().println(name);
      }
      if (outcome.result() == null) {
        out().println("failed     " + outcome.failure());
      } else if (outcome.trainer() != null) {
        print(outcome.trainer(), outcome.result(), files.out().resolve(name).normalize());
      } else {
        out().println("trained    before");
      }
    }
    if (json.asked()) {
      out().println(mapper.writeValueAsString(several ? all : all.elements().next()));
    }
  }

  @Override
  public int status() {
    return failed ? 1 : 0;
  }

  private void print(Trainer trainer, RunResult result, Path folder) {
    StartingPoint from = trainer.startingPoint();
    new ResultText("features", trainer.config().features()).print(result, trainer.heldOut(), out());
    if (from.subspaceDimensions() > 0) {
      out().printf(Locale.ROOT, "d_init     %d%n", from.subspaceDimensions());
    }
    if (from.trainedDimensions() > 0) {
      out().printf(Locale.ROOT, "seen       %d dimensions%n", from.trainedDimensions());
    }
    out()
        .printf(
            Locale.ROOT,
            "trained    %,d tokens in %.0f s, %,.0f tokens/s%n",
            result.tokens(),
            result.seconds(),
            result.tokensPerSecond());
    boolean layered = CrossLayerDictionary.isIn(folder);
    out()
        .printf(
            "dictionary %s%n",
            folder.resolve(layered ? "cross-layer.json" : "dictionary.safetensors"));
  }
}
