package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.ByteSize;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.RunOptions;
import io.sluice.cli.results.SweepJson;
import io.sluice.cli.results.SweepTable;
import io.sluice.cli.stream.StreamOptions;
import io.sluice.cli.stream.StreamedCells;
import io.sluice.cli.sweep.GridOptions;
import io.sluice.cli.sweep.SweepCells;
import io.sluice.store.ActivationStore;
import io.sluice.training.run.StoppedException;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepListener;
import io.sluice.training.sweep.SweepResult;
import io.sluice.training.sweep.SweepWorker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice sweep}: trains a dictionary for every combination of some settings. */
@Command(
    name = "sweep",
    customSynopsis = {
      "sluice sweep --store DIR --hook NAME --vary AXIS=VALUE[,VALUE...]... --out DIR "
          + "[OPTION...]",
      "sluice sweep --model MODEL --text PATH... --hook NAME... --vary AXIS=VALUE[,VALUE...]... "
          + "--out DIR [OPTION...]",
      "sluice sweep --resume --out DIR"
    },
    description = {
      "Train a dictionary for every combination of some settings, and compare them.",
      "Each dictionary is an ordinary run in a folder of its own. Those that fit into "
          + "--memory together share each batch, so that the data is read once for all of them. "
          + "An interrupted sweep continues with --resume --out DIR; add --store if the store "
          + "has moved.",
      "With --model and --text, the model runs while dictionaries are trained on what it gives, and "
          + "no store is made, as 'sluice train --model' has it. All that fit into --memory are "
          + "trained in one pass of the model, also those of other hook points and batches.",
      "An axis that is not given has the default of 'sluice train'. An axis with one value "
          + "sets it for all dictionaries."
    },
    footer = {
      "Axes (--vary) and their values:",
      "  activation  topk, abstopk, batchtopk, relu, jumprelu, gated, matching_pursuit.",
      "  auxk  off, on or N. on takes half the width.",
      "  batch  N. The data is read once for each size. With --tokens all see the same "
          + "tokens; with --steps each makes as many steps.",
      "  centring  off, on.",
      "  constrain  off, auto or N. auto takes as many directions as hold --tau of the "
          + "variance.",
      "  d-init  N.",
      "  features  N.",
      "  init  random, asi.",
      "  k  N.",
      "  lr  RATE.",
      "  moments  float32, bfloat16.",
      "  norm-search  off, on.",
      "  normalise  off, on.",
      "  optimiser  adam, sparse-adam.",
      "  penalty  WEIGHT. relu, jumprelu and gated need one; other activations leave it " + "out.",
      "  precision  float32, bfloat16.",
      "  resample  off, on or STEPS. on resamples every eighth of the run, in its first " + "half.",
      "  seed  N.",
      "  whiten  off, on."
    })
@Examples({
  "sluice sweep --store activations --hook layers.3.attn_out --vary init=random,asi "
      + "--vary centring=off,on --vary features=4096,16384 --vary seed=0,1,2 --steps 400 --out "
      + "sweeps/starts",
  "sluice sweep --model SmolLM2-135M --text 'texts/*.parquet' --tokens 100000000 --buffer 20G "
      + "--hook layers.9.resid --hook layers.21.resid --vary features=4096,16384 --vary k=16,32 "
      + "--out sweeps/sizes"
})
public class SweepCommand extends SluiceCommand {
  @Mixin private RunOptions files;

  @Mixin private StreamOptions stream;

  @Mixin private GridOptions grids;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "Let the dictionaries that share a batch take this much memory, such as 8G (default: "
              + "half of the machine's).")
  @Grouped(OptionGroup.COMPUTE)
  private String memory;

  @Mixin private EngineOptions engines;

  @Mixin private JsonOption json;

  private int status;

  @Override
  protected final void run() throws IOException {
    boolean streams = stream.isAsked() && !files.resume();
    if (streams) {
      checkStream();
    } else {
      files.check(this, grids.areGiven(), "--store, --hook and --vary", takenByResume());
      stream.requireNone(this);
    }
    grids.check(this, streams);
    engines.check(this);
    check();
    SweepResult result = streams ? streamed() : files.resume() ? resumed() : started();
    if (json.asked()) {
      out().println(SweepJson.of(result));
    } else {
      new SweepTable(result).print(out());
      out().printf("%nRuns are in %s%n", files.out().resolve("cells"));
    }
  }

  private void checkStream() {
    if (files.store() != null) {
      throw usage("give --store or --model, not both");
    }
    if (!grids.areGiven()) {
      throw usage("give --hook and --vary: what to train on, and what to compare");
    }
    stream.check(this);
  }

  /** Options that {@code --resume} allows besides {@code --store}. */
  protected Set<String> takenByResume() {
    return Set.of("--memory");
  }

  /** Rejects further options before any work. */
  protected void check() {}

  /**
   * Opens the store of the sweep and compares it with its checksums, if that is wanted.
   *
   * @param place its folder, or its address
   */
  protected ActivationStore open(RunOptions from, String place) throws IOException {
    return from.open(Path.of(place));
  }

  /** Begins a sweep in a folder. */
  protected Sweep start(
      ActivationStore from, Grid grid, List<SweepCell> cells, EngineOptions with, Path folder)
      throws IOException {
    return Sweep.start(from, grid, cells, with.engines(this), with.label(), budget(), folder);
  }

  /**
   * Continues the sweep in a folder.
   *
   * @param engine kind and device of the engines that it was begun with
   */
  protected Sweep resume(ActivationStore from, EngineOptions with, String engine, Path folder)
      throws IOException {
    return Sweep.resume(from, with.engines(this, engine), budget(), folder);
  }

  /** Trains the cells that are left. */
  protected SweepResult train(Sweep sweep, Progress progress, SweepListener listener)
      throws IOException {
    return sweep.run(listener);
  }

  /**
   * Opens a sweep that another process has begun with these options, to train cells of it here.
   *
   * @param store that of the sweep
   * @param engine kind and device of its engines
   * @param folder the sweep's folder
   */
  protected final SweepWorker worker(ActivationStore store, String engine, Path folder)
      throws IOException {
    return SweepWorker.open(store, engines.engines(this, engine), folder);
  }

  @Override
  public int status() {
    return status;
  }

  private SweepResult started() throws IOException {
    ActivationStore from = open(files, given());
    SweepCells chosen = new SweepCells(this, grids);
    List<SweepCell> cells = chosen.cells(from);
    try (Sweep sweep = start(from, chosen.grid(), cells, engines, files.out())) {
      return train(sweep);
    }
  }

  private String given() {
    return address("--store").orElseGet(() -> files.store().toString());
  }

  private SweepResult streamed() throws IOException {
    stream.limit(grids.takeTextTokens());
    return new StreamedCells(this, files.out(), budget())
        .start(
            stream,
            engines.device(this),
            new SweepCells(this, grids),
            engines.engines(this),
            engines.label(),
            this::train);
  }

  private SweepResult resumed() throws IOException {
    Sweep.Origin origin = Sweep.origin(files.out());
    if (origin.store() == null) {
      return resumedStream(origin);
    }
    String store = files.store() != null ? given() : origin.store();
    try (Sweep sweep = resume(open(files, store), engines, origin.engine(), files.out())) {
      return train(sweep);
    }
  }

  private SweepResult resumedStream(Sweep.Origin origin) throws IOException {
    if (files.store() != null) {
      throw usage("the sweep in --out reads no store; leave --store out");
    }
    requireModels(files.out());
    return new StreamedCells(this, files.out(), budget())
        .resume(engines.engines(this, origin.engine()), origin.engine(), this::train);
  }

  /** Refuses a sweep in a folder while a model runs, where none can run. */
  protected void requireModels(Path folder) throws IOException {}

  private long budget() {
    try {
      return memory == null ? ByteSize.halfOfTheMachine() : ByteSize.parse(memory);
    } catch (IllegalArgumentException e) {
      throw usage("--memory: " + e.getMessage());
    }
  }

  private SweepResult train(Sweep sweep) throws IOException {
    try (StopSignal signal = StopSignal.listen()) {
      try {
        return train(sweep, signal);
      } catch (StoppedException e) {
        printHowToContinue(e, "sweep --resume --out " + files.out());
        throw e;
      }
    }
  }

  private SweepResult train(Sweep sweep, StopSignal signal) throws IOException {
    try (Progress progress = progress("sweep", sweep.tokensLeft(), "tokens")) {
      SweepResult result =
          train(
              sweep,
              progress,
              new SweepListener() {
                private final int cells = sweep.cells().size();
                private long seen;
                private int together;

                @Override
                public void sharing(int count) {
                  together = count;
                }

                @Override
                public void stepped(SweepCell cell, long step) {
                  seen += cell.config().schedule().batch();
                  progress.update(
                      seen, String.format(Locale.ROOT, "%d at a time, of %d", together, cells));
                }

                @Override
                public boolean stops() {
                  return signal.hasArrived();
                }

                @Override
                public void failed(SweepCell cell, String why) {
                  status = 1;
                  err().printf("sluice: cell %s: %s%n", cell.name(), why);
                }
              });
      progress.done();
      return result;
    }
  }
}
