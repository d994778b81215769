package io.sluice.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.ResultText;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.KindOptions;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.RemedyOptions;
import io.sluice.cli.options.SparsityOptions;
import io.sluice.cli.options.StepOptions;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.engine.Optimiser;
import io.sluice.training.Trainer;
import io.sluice.training.config.Kind;
import io.sluice.training.config.Sparsity;
import io.sluice.training.config.Start;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.StoppedException;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice train}: one sparse dictionary on the hook points of a store. */
@Command(
    name = "train",
    description = {
      "Train a sparse autoencoder, transcoder or crosscoder on the activations of a store.",
      "An autoencoder has one --hook. With --target it is a transcoder, which reads one hook point",
      "and writes another. Several hooks make a crosscoder; several hooks and targets make a",
      "cross-layer transcoder.",
      "The run folder gets metrics and checkpoints while it runs, and the dictionary at the end.",
      "An interrupted run continues with --resume --out DIR."
    },
    footer = {
      "",
      "Example:",
      "  sluice train --store activations --hook layers.3.attn_out --features 16384 --k 32 \\",
      "      --init asi --steps 800 --out runs/asi",
      "  sluice train --store activations --hook layers.2.resid --target layers.3.mlp_out \\",
      "      --skip --features 16384 --k 32 --steps 800 --out runs/transcoder",
      "  sluice train --store activations --hook layers.2.resid,layers.3.resid,layers.4.resid \\",
      "      --features 16384 --k 32 --steps 800 --out runs/crosscoder",
      "  sluice train --store activations --hook layers.1.resid,layers.2.resid \\",
      "      --target layers.2.mlp_out,layers.3.mlp_out --features 8192 --k 16 --out runs/layers",
      "  sluice train --store activations --hook layers.3.attn_out --activation jumprelu \\",
      "      --penalty 0.3 --penalty-steps 200 --steps 800 --out runs/jumprelu"
    })
final class TrainCommand extends SluiceCommand {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "A folder that 'sluice capture' wrote (with --resume: where it is now).")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Mixin private KindOptions kind;

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "The run's folder.")
  private Path out;

  @Option(names = "--name", paramLabel = "TEXT", description = "Name of the run in reports.")
  private String name;

  @Option(
      names = "--features",
      paramLabel = "N",
      defaultValue = "16384",
      description = "Number of features (default: ${DEFAULT-VALUE}).")
  private int features;

  @Mixin private SparsityOptions sparsity;

  @Option(
      names = "--init",
      paramLabel = "random|asi",
      defaultValue = "asi",
      description =
          "Where features start: at random, or by active-subspace initialisation (asi), "
              + "inside the directions that hold --tau of the variance (default: asi).")
  private String init;

  @Option(
      names = "--d-init",
      paramLabel = "N",
      defaultValue = "0",
      description = "Dimensions of the active subspace (default: as --tau says).")
  private int dInit;

  @Option(
      names = "--tau",
      paramLabel = "T",
      defaultValue = "0.99",
      description = "Share of the variance in the active subspace (default: ${DEFAULT-VALUE}).")
  private double tau;

  @Option(
      names = "--centre",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether the encoder sees x less the decoder bias, which starts at the mean; a "
              + "transcoder's sees x less its mean (default: yes).")
  private boolean centre;

  @Option(
      names = "--normalise",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether activations are scaled to a mean norm of sqrt(d) while training "
              + "(default: yes).")
  private boolean normalise;

  @Option(
      names = "--norm-search",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether the starting rows get the common length that reconstructs a sample "
              + "best (default: yes); otherwise they get length 1.")
  private boolean normSearch;

  @Option(
      names = "--rank-by-decoder-norm",
      description = "Rank features by activation times decoder norm.")
  private boolean rankByDecoderNorm;

  @Mixin private RemedyOptions remedies;

  @Option(
      names = "--optimiser",
      paramLabel = "adam|sparse-adam",
      defaultValue = "adam",
      description =
          "adam moves all features at each step, sparse-adam only those that fired "
              + "(default: adam).")
  private String optimiser;

  @Option(
      names = "--lr",
      paramLabel = "RATE",
      defaultValue = "0.001",
      description = "Peak learning rate (default: ${DEFAULT-VALUE}).")
  private double learningRate;

  @Mixin private StepOptions steps;

  @Mixin private PositionOption positions;

  @Mixin private HeldOutOption heldOut;

  @Mixin private EngineOptions engines;

  @Option(
      names = "--data-seed",
      paramLabel = "N",
      description = "Seed of the order of the data alone (default: as --seed).")
  private Long dataSeed;

  @Option(names = "--resume", description = "Continue the run in --out, with its own settings.")
  private boolean resume;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    if (!resume && (store == null || kind.hook() == null)) {
      throw usage("give --store and --hook, or --resume to go on with a run");
    }
    if (resume) {
      requireOwnSettings(Set.of("--store"));
    }
    steps.check(this);
    positions.check(this);
    heldOut.check(this);
    engines.check(this);
    try (Trainer trainer = resume ? resumed() : started()) {
      RunResult result = train(trainer);
      if (json) {
        out().println(new ObjectMapper().writeValueAsString(result));
      } else {
        print(trainer, result);
      }
    }
  }

  private Trainer started() throws IOException {
    TrainingConfig config;
    try {
      config = config();
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    return Trainer.start(checksums.open(store), config, engines.engines(this), title(config), out);
  }

  private Trainer resumed() throws IOException {
    JsonNode settings = Trainer.settings(out);
    String trainedOn = settings.path("store").asText();
    if (store == null && trainedOn.isEmpty()) {
      throw new IOException(
          out.resolve("run.json")
              + ": its config is damaged: it names no store; restore it, or start the run anew in"
              + " another folder");
    }
    Path from = store != null ? store : Path.of(trainedOn);
    // An engine's name is its kind and its device, and perhaps more.
    return Trainer.resume(
        checksums.open(from), engines.engines(this, settings.path("engine").asText()), out);
  }

  private TrainingConfig config() {
    TrainingConfigBuilder config =
        TrainingConfig.of(kind.hook())
            .kind(kind.kind())
            .features(features)
            .start(start())
            .centre(centre)
            .normalise(normalise)
            .normSearch(normSearch)
            .rankByDecoderNorm(rankByDecoderNorm)
            .optimiser(Optimiser.ofLabel(optimiser))
            .learningRate(learningRate)
            .seed(seed())
            .dataSeed(dataSeed == null ? seed() : dataSeed)
            .heldOut(heldOut.share())
            .remedies(remedies.remedies(tau));
    steps.apply(config, steps.batch());
    sparsity.apply(config, steps.count());
    positions.asked().ifPresent(config::fromPosition);
    return config.build();
  }

  private Start start() {
    return switch (init) {
      case "random" -> new Start.Random();
      case "asi" -> new Start.ActiveSubspace(dInit, tau);
      default -> throw usage("--init is random or asi, not '" + init + "'");
    };
  }

  private String title(TrainingConfig config) {
    if (name != null) {
      return name;
    }
    String kindOf =
        switch (config.kind()) {
          case Kind.Autoencoder autoencoder -> "";
          case Kind.Transcoder transcoder ->
              transcoder.skip() ? "skip transcoder, " : "transcoder, ";
          case Kind.Crosscoder crosscoder -> "crosscoder, ";
          case Kind.CrossLayerTranscoder crossLayer -> "cross-layer transcoder, ";
        };
    return kindOf
        + init
        + (config.sparsity().kind() == Sparsity.TOPK ? "" : ", " + config.sparsity().kind().label())
        + (config.centre() ? ", centred" : "")
        + RemedyOptions.title(config.remedies())
        + (config.optimiser() == Optimiser.SPARSE_ADAM ? ", sparse Adam" : "");
  }

  private RunResult train(Trainer trainer) throws IOException {
    long perStep = trainer.config().batch();
    try (StopSignal signal = StopSignal.listen()) {
      try (Progress progress = progress("train", trainer.config().steps() * perStep, "tokens")) {
        progress.startingAt(trainer.step() * perStep);
        RunResult result =
            trainer.run(new TrainingProgress(progress, (step, seen) -> seen, signal));
        progress.done();
        return result;
      } catch (StoppedException e) {
        sayHowItGoesOn(e, "train --resume --out " + out);
        throw e;
      }
    }
  }

  private void print(Trainer trainer, RunResult result) {
    StartingPoint start = trainer.startingPoint();
    new ResultText("features", trainer.config().features()).print(result, trainer.heldOut(), out());
    if (start.subspaceDimensions() > 0) {
      out().printf(Locale.ROOT, "d_init     %d%n", start.subspaceDimensions());
    }
    if (start.trainedDimensions() > 0) {
      out().printf(Locale.ROOT, "seen       %d dimensions%n", start.trainedDimensions());
    }
    out()
        .printf(
            Locale.ROOT,
            "trained    %,d tokens in %.0f s, %,.0f tokens/s%n",
            result.tokens(),
            result.seconds(),
            result.tokensPerSecond());
    boolean layered = CrossLayerDictionary.isIn(out);
    out()
        .printf(
            "dictionary %s%n",
            out.resolve(layered ? "cross-layer.json" : "dictionary.safetensors"));
  }
}
