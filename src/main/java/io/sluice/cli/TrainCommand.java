package io.sluice.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.console.TrainingProgress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.RunOptions;
import io.sluice.cli.results.TrainingText;
import io.sluice.cli.stream.StreamOptions;
import io.sluice.cli.stream.StreamedTraining;
import io.sluice.cli.train.StreamedDictionaries;
import io.sluice.cli.train.TrainingOptions;
import io.sluice.store.ActivationStore;
import io.sluice.training.Trainer;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.StoppedException;
import io.sluice.training.stream.StreamFile;
import io.sluice.training.stream.StreamedRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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

  @Mixin private TrainingOptions training;

  @Mixin private EngineOptions engines;

  @Mixin private JsonOption json;

  /** Whether one of several runs has diverged. */
  private boolean failed;

  @Override
  protected void run() throws IOException {
    boolean streams = stream.isAsked() && !files.resume();
    if (streams) {
      checkStream();
    } else {
      files.check(this, training.isGiven(), "--store and --hook or --from", Set.of());
      stream.requireNone(this);
    }
    training.check(this, streams);
    engines.check(this);
    if (streams || files.resume() && StreamFile.isIn(files.out())) {
      stream(streams);
      return;
    }
    try (Trainer trainer = files.resume() ? resumed() : started()) {
      RunResult result = train(trainer);
      if (json.asked()) {
        out().println(TrainingText.json(result));
      } else {
        new TrainingText(out()).print(trainer, result, files.out());
      }
    }
  }

  private void checkStream() {
    if (files.store() != null) {
      throw usage("give --store or --model, not both");
    }
    if (!training.isGiven()) {
      throw usage("give --hook, the hook points of --model to train on");
    }
    stream.check(this);
  }

  /** Trains while a model runs. */
  private void stream(boolean begins) throws IOException {
    StreamedTraining streamed = new StreamedTraining(this, files.out());
    List<StreamedRuns.Outcome> outcomes;
    requirePlace(begins);
    if (begins) {
      stream.limit(training.takeTextTokens());
      outcomes =
          streamed.start(
              stream,
              engines.device(this),
              new StreamedDictionaries(this, training),
              engines.engines(this),
              engines.label());
    } else {
      if (files.store() != null) {
        throw usage("the run in --out reads no store; leave --store out");
      }
      outcomes = streamed.resume(used -> engines.engines(this, used));
    }
    failed = outcomes.stream().anyMatch(outcome -> outcome.result() == null);
    if (json.asked()) {
      out().println(TrainingText.json(outcomes));
    } else {
      new TrainingText(out()).print(outcomes, files.out());
    }
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

  private Trainer started() throws IOException {
    ActivationStore store = files.open();
    TrainingOptions.Named run = training.run(this, store::hookName);
    return Trainer.start(store, run.config(), engines.engines(this), run.name(), files.out());
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

  @Override
  public int status() {
    return failed ? 1 : 0;
  }
}
