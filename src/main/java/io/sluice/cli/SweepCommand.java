package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.StopSignal;
import io.sluice.cli.options.ByteSize;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.StepOptions;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.StoppedException;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepListener;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice sweep}: dictionaries from every combination of some settings, side by side. */
@Command(
    name = "sweep",
    description = {
      "Train a dictionary from every combination of some settings, over one reading of the data.",
      "Each is an ordinary run in a folder of its own; dictionaries share each batch while they fit",
      "into --memory. An interrupted sweep continues with --resume --out DIR."
    },
    footer = {
      "",
      "Axes, each with the values that it takes:",
      "  init=random,asi  centring=off,on  optimiser=adam,sparse-adam  normalise=off,on",
      "  norm-search=off,on  whiten=off,on  constrain=off,auto,N  auxk=off,on,N",
      "  resample=off,on,STEPS  features=N  k=N  lr=RATE  d-init=N  seed=N  batch=N",
      "  activation=topk,abstopk,batchtopk,relu,jumprelu,gated,matching_pursuit  penalty=WEIGHT",
      "constrain=auto: as many directions as hold --tau of the variance; auxk=on: half the width;",
      "resample=on: every eighth of the run, in its first half. penalty: of relu, jumprelu and",
      "gated, which need one; other activations leave it out. batch: the data is read once for each",
      "size; with --tokens all see the same tokens, with --steps each makes as many steps.",
      "An axis that is not given has the default of 'sluice train'; one value sets it for all cells.",
      "",
      "Example:",
      "  sluice sweep --store activations --hook layers.3.attn_out --vary init=random,asi \\",
      "      --vary centring=off,on --vary features=4096,16384 --vary seed=0,1,2 --steps 400 \\",
      "      --out sweeps/starts"
    })
final class SweepCommand extends SluiceCommand {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "A folder that 'sluice capture' wrote (with --resume: where it is now).")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description = "The hook point to learn, for instance layers.3.attn_out.")
  private String hook;

  @Option(names = "--out", paramLabel = "DIR", required = true, description = "The sweep's folder.")
  private Path out;

  @Option(
      names = "--vary",
      paramLabel = "AXIS=VALUE[,VALUE…]",
      description = "An axis and its values, for instance init=random,asi; once for each axis.")
  private List<String> vary = List.of();

  @Mixin private StepOptions steps;

  @Option(
      names = "--tau",
      paramLabel = "T",
      defaultValue = "0.99",
      description = "Share of the variance in the active subspace (default: ${DEFAULT-VALUE}).")
  private double tau;

  @Option(
      names = "--dead-after",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Tokens without firing after which AuxK and resampling count a feature as dead "
              + "(default: --dead-window).")
  private long deadAfter;

  @Mixin private HeldOutOption heldOut;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "What the dictionaries that share a batch may take, for instance 8G "
              + "(default: half of the machine's).")
  private String memory;

  @Mixin private EngineOptions engines;

  @Option(names = "--resume", description = "Continue the sweep in --out, with its own settings.")
  private boolean resume;

  @Option(names = "--json", description = "Print the results as JSON.")
  private boolean json;

  private int smallestBatch;
  private int status;

  @Override
  protected void run() throws IOException {
    if (!resume && (store == null || hook == null || vary.isEmpty())) {
      throw usage("give --store, --hook and --vary, or --resume to go on with a sweep");
    }
    if (resume) {
      requireOwnSettings(Set.of("--store", "--memory"));
    }
    steps.check(this);
    heldOut.check(this);
    engines.check(this);
    try (Sweep sweep = resume ? resumed() : started()) {
      SweepResult result = train(sweep);
      if (json) {
        out().println(SweepJson.of(result));
      } else {
        new SweepTable(result).print(out());
        out().printf("%nRuns are in %s%n", out.resolve("cells"));
      }
    }
  }

  @Override
  public int status() {
    return status;
  }

  private Sweep started() throws IOException {
    Grid grid;
    List<SweepCell> cells;
    try {
      grid = Grid.parse(vary);
      smallestBatch =
          grid.axes().getOrDefault(Axis.BATCH, List.of(String.valueOf(steps.batch()))).stream()
              .mapToInt(Integer::parseInt)
              .min()
              .orElseThrow();
      if (deadAfter < 0) {
        throw usage("--dead-after must be at least 0, not " + deadAfter);
      }
      cells = grid.cells(this::base, tau, deadAfter);
    } catch (IllegalArgumentException e) {
      throw usage("--vary: " + e.getMessage());
    }
    ActivationStore from = checksums.open(store);
    return Sweep.start(from, grid, cells, engines.engines(this), engines.label(), budget(), out);
  }

  private Sweep resumed() throws IOException {
    Sweep.Origin origin = Sweep.origin(out);
    return Sweep.resume(
        checksums.open(store != null ? store : origin.store()),
        engines.engines(this, origin.engine()),
        budget(),
        out);
  }

  private long budget() {
    try {
      return memory == null ? ByteSize.halfOfTheMachine() : ByteSize.parse(memory);
    } catch (IllegalArgumentException e) {
      throw usage("--memory: " + e.getMessage());
    }
  }

  private TrainingConfigBuilder base() {
    return steps
        .apply(TrainingConfig.of(hook), smallestBatch)
        .seed(seed())
        .dataSeed(seed())
        .heldOut(heldOut.share());
  }

  private SweepResult train(Sweep sweep) throws IOException {
    try (StopSignal signal = StopSignal.listen()) {
      try {
        return train(sweep, signal);
      } catch (StoppedException e) {
        sayHowItGoesOn(e, "sweep --resume --out " + out);
        throw e;
      }
    }
  }

  private SweepResult train(Sweep sweep, StopSignal signal) throws IOException {
    try (Progress progress = progress("sweep", sweep.tokensLeft(), "tokens")) {
      SweepResult result =
          sweep.run(
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
                  seen += cell.config().batch();
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
