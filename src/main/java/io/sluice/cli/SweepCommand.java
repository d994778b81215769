package io.sluice.cli;

import io.sluice.engine.EngineFactory;
import io.sluice.simd.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.training.Axis;
import io.sluice.training.Grid;
import io.sluice.training.Sweep;
import io.sluice.training.SweepCell;
import io.sluice.training.SweepListener;
import io.sluice.training.SweepResult;
import io.sluice.training.TrainingConfig;
import io.sluice.training.TrainingConfigBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice sweep}: dictionaries from every combination of some settings, side by side. */
@Command(
    name = "sweep",
    description = {
      "Train a dictionary from every combination of some settings, over one reading of the data.",
      "Each is an ordinary run in a folder of its own; dictionaries share each batch while they fit",
      "into --memory. A sweep that was stopped, however, goes on with --resume --out DIR."
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
      "An axis that is left out stands as 'sluice train' has it; one value alone sets it.",
      "",
      "Example:",
      "  sluice sweep --store activations --hook layers.3.attn_out --vary init=random,asi \\",
      "      --vary centring=off,on --vary features=4096,16384 --vary seed=0,1,2 --steps 400 \\",
      "      --out sweeps/starts"
    })
final class SweepCommand extends SluiceCommand {
  private static final long LONGEST_DEAD_WINDOW = 10_000_000;

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

  @Option(names = "--steps", paramLabel = "N", description = "Steps of each (default: 1000).")
  private Long steps;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens to train each on, instead of --steps.")
  private Long tokens;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Tokens per step (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--tau",
      paramLabel = "T",
      defaultValue = "0.99",
      description = "Share of the variance in the active subspace (default: ${DEFAULT-VALUE}).")
  private double tau;

  @Option(
      names = "--warmup",
      paramLabel = "N",
      defaultValue = "0",
      description = "Steps over which the learning rate rises (default: 0).")
  private long warmup;

  @Option(
      names = "--decay",
      paramLabel = "N",
      defaultValue = "0",
      description = "Last steps, over which the learning rate falls to 0 (default: 0).")
  private long decay;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description = {
        "Tokens without firing that make a feature dead",
        "(default: 10,000,000, or a quarter of the run if that is less)."
      })
  private Long deadWindow;

  @Option(
      names = "--dead-after",
      paramLabel = "N",
      defaultValue = "0",
      description = {
        "Tokens without firing after which AuxK and resampling take a",
        "feature for dead (default: --dead-window)."
      })
  private long deadAfter;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = {
        "What the dictionaries that share a batch may take, for instance 8G",
        "(default: half of the machine's)."
      })
  private String memory;

  @Option(
      names = "--engine",
      paramLabel = "auto|vector|torch|reference",
      defaultValue = "auto",
      description = "What computes, as for 'sluice train' (default: auto).")
  private String engine;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where it computes (default: cpu).")
  private String device;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads on the CPU (default: all cores).")
  private Integer threads;

  @Option(
      names = "--log-every",
      paramLabel = "N",
      defaultValue = "25",
      description = "Steps between lines of metrics (default: ${DEFAULT-VALUE}).")
  private long logEvery;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "500",
      description = "Steps between checkpoints, 0 for none (default: ${DEFAULT-VALUE}).")
  private long checkpointEvery;

  @Option(names = "--resume", description = "Go on with the sweep in --out, with its own settings.")
  private boolean resume;

  @Option(names = "--json", description = "Print the results as JSON.")
  private boolean json;

  private Workers workers = Workers.allCores();
  private int smallestBatch;
  private int status;

  @Override
  protected void run() throws IOException {
    if (!resume && (store == null || hook == null || vary.isEmpty())) {
      throw usage("give --store, --hook and --vary, or --resume to go on with a sweep");
    }
    if (resume && !vary.isEmpty()) {
      throw usage("--resume goes on with the sweep's own grid; leave out --vary");
    }
    if (steps != null && tokens != null) {
      throw usage("give --steps or --tokens, not both");
    }
    if (threads != null) {
      if (threads < 1) {
        throw usage("--threads must be at least 1, not " + threads);
      }
      workers = Workers.of(threads);
      if (Torch.isAvailable()) {
        Torch.threads(threads);
      }
    }
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
  protected int status() {
    return status;
  }

  private Sweep started() throws IOException {
    Grid grid;
    List<SweepCell> cells;
    try {
      grid = Grid.parse(vary);
      smallestBatch =
          grid.axes().getOrDefault(Axis.BATCH, List.of(String.valueOf(batch))).stream()
              .mapToInt(Integer::parseInt)
              .min()
              .orElseThrow();
      cells = grid.cells(this::base, tau, deadAfter);
    } catch (IllegalArgumentException e) {
      throw usage("--vary: " + e.getMessage());
    }
    ActivationStore from = checksums.open(store);
    return Sweep.start(
        from, grid, cells, engines(engine, device), engine + " " + device, budget(), out);
  }

  private Sweep resumed() throws IOException {
    Sweep.Origin origin = Sweep.origin(out);
    String[] used = origin.engine().split(" ");
    return Sweep.resume(
        checksums.open(store != null ? store : origin.store()),
        engines(used[0], used.length > 1 ? used[1] : "cpu"),
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

  private EngineFactory engines(String kind, String where) {
    try {
      return EngineFactory.named(kind, Device.parse(where), workers);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private TrainingConfigBuilder base() {
    long count = steps == null ? 1000 : steps;
    // All cells have one window, which fits into the shortest of them.
    long least = tokens != null ? tokens : count * smallestBatch;
    TrainingConfigBuilder builder = TrainingConfig.of(hook).batch(batch).steps(count);
    return (tokens == null ? builder : builder.tokens(tokens))
        .warmupSteps(warmup)
        .decaySteps(decay)
        .seed(seed())
        .dataSeed(seed())
        .deadWindow(deadWindow != null ? deadWindow : Math.clamp(least / 4, 1, LONGEST_DEAD_WINDOW))
        .checkpointEvery(checkpointEvery)
        .logEvery(logEvery);
  }

  private SweepResult train(Sweep sweep) throws IOException {
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
                public void failed(SweepCell cell, String why) {
                  status = 1;
                  err().println("sluice: cell " + cell.name() + ": " + why);
                }
              });
      progress.done();
      return result;
    }
  }
}
