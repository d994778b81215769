package io.sluice.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.ResultText;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.DeviceOption;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.RunOptions;
import io.sluice.cli.options.ScheduleOptions;
import io.sluice.cli.options.SingleRunOptions;
import io.sluice.cli.options.StartOptions;
import io.sluice.cli.options.ThreadsOption;
import io.sluice.lorsa.training.LorsaTrainer;
import io.sluice.lorsa.training.LorsaTrainingConfig;
import io.sluice.model.ModelShape;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.Schedule;
import io.sluice.training.run.RunResult;
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

/**
 * {@code sluice lorsa train}: trains a Lorsa of one layer's attention on the contexts of a store.
 */
@Command(
    name = "train",
    customSynopsis = {
      "sluice lorsa train --store DIR --model PATH --layer N --out DIR [OPTION...]",
      "sluice lorsa train --resume --out DIR"
    },
    description = {
      "Train a low-rank sparse attention on what an attention layer reads and writes.",
      "The store needs attn_in and attn_out of the layer, with special tokens, as the "
          + "second example shows. --model is as in 'sluice capture'. The active "
          + "subspace of --init asi is that of what the model's own head writes.",
      "The run folder gets metrics and checkpoints while the run lasts, and "
          + "lorsa.safetensors with lorsa.json at its end. An interrupted run continues with "
          + "--resume --out DIR; add --store if the store has moved."
    })
@Examples({
  "sluice lorsa train --store attention --model model/ --layer 9 --heads 4608 --k 64 "
      + "--steps 1000 --out runs/lorsa",
  "sluice capture --model model/ --text novel.txt --special-tokens --hooks "
      + "layers.9.attn_in,layers.9.attn_out --out attention"
})
final class LorsaTrainCommand extends SluiceCommand {
  @Mixin private RunOptions files;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "Start from the queries and keys of this model; a path, or a name on the HuggingFace "
              + "hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Option(names = "--layer", paramLabel = "N", description = "Decompose layer N, counted from 0.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Integer layer;

  @Option(
      names = "--heads",
      paramLabel = "N",
      description = "Learn N heads, a multiple of the groups (default: 8 per dimension).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Integer heads;

  @Option(
      names = "--groups",
      paramLabel = "N",
      description =
          "Learn N sets of queries and keys, a multiple of the model's heads (default: as many "
              + "as those).")
  @Grouped(OptionGroup.ESSENTIAL)
  private Integer groups;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "64",
      description = "Let N heads write at a position (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int k;

  @Option(
      names = "--centre",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Start the output's bias at the mean, and the heads at a mean activation of 0 "
              + "(default: yes).")
  @Grouped(OptionGroup.START)
  private boolean centre;

  @Option(
      names = "--rank-by-output-norm",
      description = "Select heads by activation times the norm of their output direction.")
  @Grouped(OptionGroup.SPARSITY)
  private boolean scoreByOutputNorm;

  @Mixin private StartOptions start;

  @Mixin private PositionOption positions;

  @Mixin private HeldOutOption heldOut;

  @Mixin private SingleRunOptions single;

  @Option(
      names = "--contexts",
      paramLabel = "N",
      defaultValue = "8",
      description = "Take N contexts per step (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int contexts;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Train for N steps (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private long steps;

  @Mixin private ScheduleOptions schedule;

  @Option(
      names = "--sample-tokens",
      paramLabel = "N",
      defaultValue = "16384",
      description = "Measure means, scales and subspaces on N tokens (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.START)
  private int sampleTokens;

  @Mixin private DeviceOption device;

  @Mixin private ThreadsOption threads;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    files.check(
        this, model != null && layer != null, "--store, --model and --layer", Set.of("--device"));
    if (layer != null && (layer < 0 || layer > 9999)) {
      throw usage("--layer must be from 0 to 9999, not " + layer);
    }
    positions.check(this);
    heldOut.check(this);
    threads.check(this);
    threads.workers();
    try (LorsaTrainer trainer = files.resume() ? resumed() : started()) {
      RunResult result = train(trainer);
      if (json.asked()) {
        out().println(new ObjectMapper().writeValueAsString(result));
      } else {
        print(trainer, result);
      }
    }
  }

  private LorsaTrainer started() throws IOException {
    ActivationStore activations = files.open();
    Contexts sequences = Contexts.of(activations);
    Device where = device.of(this);
    try (LoadedModel loaded = LoadedModel.open(HubFiles.model(this, model), where);
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
                files.store()
                    + " is of "
                    + activations.manifest().model()
                    + ", the model is "
                    + loaded.name());
      }
      LorsaTrainingConfig config = config(shape, sequences, positions.of(activations));
      String title = single.name("lorsa, " + start.label());
      return LorsaTrainer.start(
          sequences, loaded.transformer().attention(layer), config, where, title, files.out());
    }
  }

  private LorsaTrainer resumed() throws IOException {
    ActivationStore activations = files.open(LorsaTrainer.settings(files.out()));
    return LorsaTrainer.resume(Contexts.of(activations), device.of(this), files.out());
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
          scoreByOutputNorm,
          start.of(this),
          centre,
          start.normalise(),
          fromPosition,
          new Schedule(
              single.learningRate(),
              0.9,
              0.999,
              1e-8,
              contexts,
              steps,
              schedule.warmup(),
              schedule.decay(),
              schedule.deadWindow(steps * perStep),
              schedule.checkpointEvery(),
              schedule.logEvery(),
              schedule.keepCheckpoints(),
              schedule.tensorBoard()),
          seed(),
          sampleTokens,
          heldOut.share());
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
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
        printHowToContinue(e, "lorsa train --resume --out " + files.out());
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
    out().printf("lorsa      %s%n", files.out().resolve("lorsa.safetensors"));
  }
}
