package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.ContextOptions;
import io.sluice.cli.options.DeviceOption;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.OptionalTexts;
import io.sluice.cli.options.OutputFile;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.cli.options.texts.ExclusionOptions;
import io.sluice.cli.results.ExpectedDead;
import io.sluice.cli.results.ExpectedDeadTable;
import io.sluice.cli.results.SpectrumTable;
import io.sluice.cli.results.StoreSpectra;
import io.sluice.cli.results.TextMeasuring;
import io.sluice.evaluation.RunningCovariance;
import io.sluice.files.AtomicFile;
import io.sluice.model.HookPatterns;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.report.Spectra;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.text.TextProblems;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code sluice spectrum}: measures in how few dimensions the activations of each hook point vary.
 */
@Command(
    name = "spectrum",
    customSynopsis = {
      "sluice spectrum --store DIR [OPTION...]",
      "sluice spectrum --model PATH --text PATH... [OPTION...]"
    },
    description = {
      "Measure in how few dimensions the activations of each hook point vary.",
      "It reads a store, or, with --model and --text, the activations of a running model, "
          + "which it does not store. For each layer it prints how many directions hold 99 % of "
          + "the variance, the effective rank, the participation ratio, and how much the mean "
          + "dominates the variation.",
      "With --features it also predicts, from means and covariances alone, the share of a new "
          + "TopK dictionary's features that would never fire, for each start of 'sluice train', "
          + "and says what to do."
    })
@Examples({
  "sluice spectrum --store activations --model model/ --out spectrum.json",
  "sluice spectrum --model model/ --text novel.txt --tokens 60000 --out spectrum.json",
  "sluice spectrum --store activations --hooks layers.3.attn_out --features 16384 --k 32"
})
public class SpectrumCommand extends SluiceCommand {
  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Read activations from this folder of 'sluice capture', or give --text.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path storeFolder;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--hooks",
      paramLabel = "PATTERNS",
      description =
          "Measure these hook points, separated by commas, such as "
              + "layers.3.attn_out,layers.*.z (default: all).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String hooks;

  @Option(
      names = "--tau",
      paramLabel = "SHARE",
      defaultValue = "0.99",
      description =
          "Count the directions that hold this share of the variance, above 0 and at most 1 "
              + "(default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private double tau;

  @Option(
      names = "--features",
      paramLabel = "N[,N...]",
      split = ",",
      description = "Predict the dead features of dictionaries of these sizes, as they start.")
  @Grouped(OptionGroup.START)
  private int[] features;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "32",
      description =
          "Let the predicted dictionaries keep the N largest features of a token (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.START)
  private int k;

  @Option(
      names = "--dead-window",
      paramLabel = "N[,N...]",
      split = ",",
      defaultValue = "100000",
      description =
          "Predict the features that do not fire in the first N tokens (default: "
              + "${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.START)
  private long[] windows;

  @Mixin private PositionOption positions;

  @Mixin private ExclusionOptions exclusion;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "Also measure the spectra of this model's output projections W_O and the overlap of "
              + "its heads; a path, or a name on the HuggingFace hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Mixin private OptionalTexts texts;

  @Mixin private DeviceOption device;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the spectra to this file, for 'sluice report --spectrum'.")
  @Grouped(OptionGroup.OUTPUT)
  private Path out;

  @Option(
      names = "--stats",
      paramLabel = "FILE",
      description = "Write means and covariances to this safetensors file, for 'sluice loss'.")
  @Grouped(OptionGroup.OUTPUT)
  private Path stats;

  @Mixin private JsonOption json;

  @Override
  protected final void run() throws IOException {
    if (!(tau > 0 && tau <= 1)) {
      throw usage("--tau must be above 0 and at most 1, not " + tau);
    }
    positions.check(this);
    exclusion.check(this);
    Device on = device.of(this);
    OutputFile.check("--out", out);
    OutputFile.check("--stats", stats);
    texts.check(this);
    ExpectedDead dead = expectedDead();
    if ((storeFolder == null) != texts.areGiven()) {
      throw usage("give --store, or --model and --text");
    }
    if (storeFolder != null && exclusion.areGiven()) {
      throw usage(
          "--exclude-ids and --max-norm-multiple are for --text; a store has its own rule, which"
              + " 'sluice capture' writes");
    }
    if (exclusion.limitNorms() && runsOnCluster()) {
      throw usage(
          "--max-norm-multiple is not spread over a cluster, whose tasks do not know the median;"
              + " capture with it, and measure the store");
    }
    if (texts.areGiven()) {
      if (model == null) {
        throw usage("--text needs a --model to run it");
      }
      runTexts(on, dead);
      return;
    }
    ActivationStore store = open(checksums, storeFolder);
    if (store.rows() == 0) {
      throw new IOException(
          storeName()
              + (store.manifest().complete()
                  ? ": its files have no rows; write some"
                  : ": the store has no rows, as its capture was stopped; capture again, with"
                      + " --overwrite"));
    }
    StoreMeasuring task = measuring(store, on, dead);
    StoreSpectra measuring = task.spectra();
    List<Column> columns = task.columns();
    // The model comes first: one that cannot be read should not cost the time of the rest.
    List<Spectra.OutputProjection> projections = List.of();
    if (model != null) {
      try (LoadedModel loaded = LoadedModel.open(HubFiles.model(this, model), Device.CPU)) {
        projections = measuring.outputProjections(loaded);
      }
    }
    Spectra spectra;
    try (Progress progress = progress("spectrum", columns.size() * store.rows(), "rows")) {
      List<Spectra.Hook> measured = measure(task, stats != null, progress);
      if (measured.getFirst().tokens() == 0) {
        throw new IOException(storeName() + ": " + nothingToMeasure(store));
      }
      spectra = measuring.spectra(measured, projections);
      write(measuring, spectra);
      progress.done();
    }
    print(spectra);
  }

  private String nothingToMeasure(ActivationStore store) {
    return store.exclusion().isEmpty() && store.has(Column.POSITION)
        ? "no row has a position of "
            + positions.of(store)
            + " or more; give a smaller --from-position"
        : "none of its " + store.rows() + " rows is selected; " + store.remedyForNoRows();
  }

  /** Opens the store and verifies it, if that is wanted. */
  protected ActivationStore open(StoreChecksums checks, Path folder) throws IOException {
    return checks.open(folder);
  }

  /** How the store is read. */
  protected final StoreChecksums checksums() {
    return checksums;
  }

  /**
   * Measures the columns of a store.
   *
   * @param keep whether covariances are asked for, too, for {@link #writeStatistics}
   */
  protected List<Spectra.Hook> measure(StoreMeasuring task, boolean keep, Progress progress)
      throws IOException {
    return task.spectra().hooks(task.columns(), task.rows(), progress);
  }

  /** Measures shards of the store that the options name in this process. */
  protected final StoreMeasuring measuring(ActivationStore store) throws IOException {
    return measuring(store, device.of(this), expectedDead());
  }

  private String storeName() {
    return address("--store").orElse(storeFolder.toString());
  }

  private StoreMeasuring measuring(ActivationStore store, Device on, ExpectedDead dead) {
    StoreSpectra spectra = new StoreSpectra(store, tau, on).predicting(dead);
    return new StoreMeasuring(
        store,
        spectra,
        spectra.columns(hooks),
        positions.rows(store),
        on,
        dead != null,
        checksums.areCompared());
  }

  private ExpectedDead expectedDead() {
    try {
      return features == null ? null : new ExpectedDead(features, k, windows, seed());
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private void runTexts(Device on, ExpectedDead dead) throws IOException {
    Spectra spectra;
    try (LoadedModel loaded = openModel(on)) {
      TextMeasuring task = measuring(loaded, dead);
      StoreSpectra measuring = task.spectra();
      List<TextProblems> problems = new ArrayList<>();
      try (Progress progress = progress("spectrum", texts.total(), "tokens")) {
        List<Spectra.Hook> measured = measure(task, stats != null, progress, problems::add);
        if (measured.getFirst().tokens() == 0) {
          throw new IOException(
              task.contexts().texts().name()
                  + ": no token has a position of "
                  + task.first()
                  + " or more; give a longer text");
        }
        spectra = measuring.spectra(measured, measuring.outputProjections(loaded));
        write(measuring, spectra);
        progress.done();
      }
      ContextOptions.tell(this, problems.getFirst());
    }
    print(spectra);
  }

  private LoadedModel openModel(Device on) throws IOException {
    return texts.open(this, model, on, Optional.empty());
  }

  private TextMeasuring measuring(LoadedModel loaded, ExpectedDead dead) throws IOException {
    ContextSpec contexts = texts.spec(loaded);
    return new TextMeasuring(
        loaded,
        contexts,
        HookPatterns.select(hooks == null ? "layers.*.*" : hooks, loaded.transformer()),
        positions.of(loaded),
        exclusion.of(loaded),
        dead != null,
        new StoreSpectra(loaded.name(), contexts.texts().name(), tau).predicting(dead));
  }

  /** Opens the model that the options name, to measure parts of the texts in this process. */
  protected final TextMeasuring measuringTexts() throws IOException {
    return measuring(openModel(device.of(this)), expectedDead());
  }

  /**
   * Measures texts that a model reads, with nothing stored.
   *
   * @param keep as for a store
   * @param problems receives the parts of the texts that could not be read
   */
  protected List<Spectra.Hook> measure(
      TextMeasuring task, boolean keep, Progress progress, Consumer<TextProblems> problems)
      throws IOException {
    return task.spectra()
        .hooks(
            RunningCovariance.of(
                task.model(),
                task.contexts(),
                task.points(),
                task.first(),
                task.exclusion(),
                task.directions(),
                progress::update,
                problems));
  }

  private void print(Spectra spectra) {
    if (json.asked()) {
      out().print(spectra.toJson());
    } else {
      new SpectrumTable(spectra).print(out());
      if (features != null) {
        new ExpectedDeadTable(spectra).print(out());
      }
    }
  }

  private void write(StoreSpectra measuring, Spectra spectra) throws IOException {
    if (out != null) {
      AtomicFile.write(out, spectra.toJson());
    }
    if (stats != null) {
      writeStatistics(measuring);
    }
  }

  /** Writes means and covariances, which were asked for, unless that is done. */
  protected void writeStatistics(StoreSpectra measuring) throws IOException {
    measuring.statistics().write(stats);
  }

  /** The file of means and covariances; null if they were not asked for. */
  protected final Path statistics() {
    return stats;
  }
}
