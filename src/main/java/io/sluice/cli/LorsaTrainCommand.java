package io.sluice.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.ResultText;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.ScheduleOptions;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.cli.options.ThreadsOption;
import io.sluice.lorsa.training.LorsaTrainer;
import io.sluice.lorsa.training.LorsaTrainingConfig;
import io.sluice.model.ModelShape;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.Start;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.Schedule;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice lorsa train}: one layer's attention from the contexts of a store. */
@Command(
    name = "train",
    description = {
      "Train a low-rank sparse attention on what a layer's attention reads and writes.",
      "The run folder gets metrics while it runs, checkpoints, and lorsa.safetensors with",
      "lorsa.json at the end. An interrupted run continues with --resume --out DIR."
    },
    footer = {
      "",
      "Example:",
      "  sluice capture --model model/ --text novel.txt --special-tokens \\",
      "      --hooks layers.9.attn_in,layers.9.attn_out --out attention",
      "  sluice lorsa train --store attention --model model/ --layer 9 --heads 4608 --k 64 \\",
      "      --steps 1000 --out runs/lorsa"
    })
final class LorsaTrainCommand extends SluiceCommand {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      description =
          "A folder that 'sluice capture' wrote with attn_in and attn_out of the layer (with"
              + " --resume: where it is now).")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description =
          "The model that was captured, as for 'sluice capture': queries and keys start as its own.")
  private Path model;

  @Option(names = "--layer", paramLabel = "N", description = "The layer, counted from 0.")
  private Integer layer;

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "The run's folder.")
  private Path out;

  @Option(names = "--name", paramLabel = "TEXT", description = "Name of the run in reports.")
  private String name;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "Number of heads, a multiple of the groups (default: 8 per dimension).")
  private Integer heads;

  @Option(
      names = "--groups",
      paramLabel = "N",
      description =
          "Sets of queries and keys, a multiple of the model's heads (default: as many as those).")
  private Integer groups;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "64",
      description = "Heads that write at a position (default: ${DEFAULT-VALUE}).")
  private int k;

  @Option(
      names = "--init",
      paramLabel = "random|asi",
      defaultValue = "asi",
      description =
          "Where values and outputs start: at random, or in the active subspace of what "
              + "the model's own head writes (default: asi).")
  private String init;

  @Option(
      names = "--d-init",
      paramLabel = "N",
      defaultValue = "0",
      description = "Dimensions of each head's active subspace (default: as --tau says).")
  private int dInit;

  @Option(
      names = "--tau",
      paramLabel = "T",
      defaultValue = "0.99",
      description = "Share of a head's variance in its subspace (default: ${DEFAULT-VALUE}).")
  private double tau;

  @Option(
      names = "--centre",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Whether the output's bias starts at the mean, and heads at a mean activation "
              + "of 0 (default: yes).")
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
      names = "--rank-by-output-norm",
      description = "Rank heads by activation times the norm of their output direction.")
  private boolean rankByOutputNorm;

  @Mixin private PositionOption positions;

  @Mixin private HeldOutOption heldOut;

  @Option(
      names = "--lr",
      paramLabel = "RATE",
      defaultValue = "0.001",
      description = "Peak learning rate of Adam (default: ${DEFAULT-VALUE}).")
  private double learningRate;

  @Option(
      names = "--contexts",
      paramLabel = "N",
      defaultValue = "8",
      description = "Contexts per step (default: ${DEFAULT-VALUE}).")
  private int contexts;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Steps; the store is read again as needed (default: ${DEFAULT-VALUE}).")
  private long steps;

  @Mixin private ScheduleOptions schedule;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description =
          "Tokens without firing that make a head dead "
              + "(default: 10,000,000, or a quarter of the run if that is less).")
  private Long deadWindow;

  @Option(
      names = "--sample-tokens",
      paramLabel = "N",
      defaultValue = "16384",
      description = "Tokens that the start is measured on (default: ${DEFAULT-VALUE}).")
  private int sampleTokens;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where it computes, by LibTorch (default: cpu).")
  private String device;

  @Mixin private ThreadsOption threads;

  @Option(names = "--resume", description = "Continue the run in --out, with its own settings.")
  private boolean resume;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    if (!resume && (store == null || model == null || layer == null)) {
      throw usage("give --store, --model and --layer, or --resume to go on with a run");
    }
    if (resume) {
      requireOwnSettings(Set.of("--store", "--device"));
    }
    if (layer != null && (layer < 0 || layer > 9999)) {
      throw usage("--layer must be from 0 to 9999, not " + layer);
    }
    positions.check(this);
    heldOut.check(this);
    threads.check(this);
    threads.workers();
    try (LorsaTrainer trainer = resume ? resumed() : started()) {
      RunResult result = train(trainer);
      if (json) {
        out().println(new ObjectMapper().writeValueAsString(result));
      } else {
        print(trainer, result);
      }
    }
  }

  private LorsaTrainer started() throws IOException {
    ActivationStore activations = checksums.open(store);
    Contexts sequences = Contexts.of(activations);
    Device where = device();
    try (LoadedModel loaded = LoadedModel.open(model, where);
        TensorScope scope = TensorScope.open()) {
      ModelShape shape = loaded.transformer().shape();
      if (layer >= shape.layers()) {
        throw usage(
            "--layer is "
                + layer
                + ", but "
                + loaded.name()
                + " has "
                + shape.layers()
                + " layers, counted from 0");
      }
      if (!loaded.name().equals(activations.manifest().model())) {
        err()
            .println(
                store
                    + " is of "
                    + activations.manifest().model()
                    + ", the model is "
                    + loaded.name());
      }
      LorsaTrainingConfig config = config(shape, sequences, positions.of(activations));
      String title = name != null ? name : "lorsa, " + init;
      return LorsaTrainer.start(
          sequences, loaded.transformer().attention(layer), config, where, title, out);
    }
  }

  private LorsaTrainer resumed() throws IOException {
    JsonNode settings = LorsaTrainer.settings(out);
    String trainedOn = settings.path("store").asText();
    if (store == null && trainedOn.isEmpty()) {
      throw new IOException(
          out.resolve("run.json")
              + ": its config is damaged: it names no store; restore it, or start the run anew in"
              + " another folder");
    }
    Path from = store != null ? store : Path.of(trainedOn);
    return LorsaTrainer.resume(Contexts.of(checksums.open(from)), device(), out);
  }

  private Device device() {
    try {
      return Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private LorsaTrainingConfig config(ModelShape shape, Contexts sequences, int fromPosition) {
    int sets = groups == null ? shape.heads() : groups;
    int count = heads != null ? heads : Math.ceilDiv(8 * shape.dModel(), Math.max(1, sets)) * sets;
    long perStep = sequences.store().rows() / sequences.count() * contexts;
    try {
      return new LorsaTrainingConfig(
          "layers." + layer + ".attn_in",
          "layers." + layer + ".attn_out",
          count,
          sets,
          k,
          rankByOutputNorm,
          start(),
          centre,
          normalise,
          fromPosition,
          new Schedule(
              learningRate,
              0.9,
              0.999,
              1e-8,
              contexts,
              steps,
              schedule.warmup(),
              schedule.decay(),
              deadWindow != null ? deadWindow : TrainingConfig.usualDeadWindow(steps * perStep),
              schedule.checkpointEvery(),
              schedule.logEvery()),
          seed(),
          sampleTokens,
          heldOut.share());
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private Start start() {
    return switch (init) {
      case "random" -> new Start.Random();
      case "asi" -> new Start.ActiveSubspace(dInit, tau);
      default -> throw usage("--init is random or asi, not '" + init + "'");
    };
  }

  private RunResult train(LorsaTrainer trainer) throws IOException {
    try (StopSignal signal = StopSignal.listen()) {
      try (Progress progress = progress("lorsa", trainer.config().schedule().steps(), "steps")) {
        progress.startingAt(trainer.step());
        RunResult result =
            trainer.run(new TrainingProgress(progress, (step, seen) -> step, signal));
        progress.done();
        return result;
      } catch (StoppedException e) {
        sayHowItGoesOn(e, "lorsa train --resume --out " + out);
        throw e;
      }
    }
  }

  private void print(LorsaTrainer trainer, RunResult result) {
    new ResultText("heads", trainer.config().heads()).print(result, trainer.heldOut(), out());
    List<Integer> dimensions = trainer.startingPoint().subspaceDimensions();
    if (!dimensions.isEmpty()) {
      out()
          .printf(
              Locale.ROOT,
              "d_init     %d to %d, by head of the model%n",
              Collections.min(dimensions),
              Collections.max(dimensions));
    }
    out()
        .printf(
            Locale.ROOT,
            "trained    %,d tokens in %.0f s, %,.0f tokens/s%n",
            result.tokens(),
            result.seconds(),
            result.tokensPerSecond());
    out().printf("lorsa      %s%n", out.resolve("lorsa.safetensors"));
  }
}
