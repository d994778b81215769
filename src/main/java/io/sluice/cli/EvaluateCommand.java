package io.sluice.cli;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovered;
import io.sluice.geometry.StoreCovariance;
import io.sluice.model.HookPoint;
import io.sluice.model.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice evaluate}: what a trained dictionary does on a store. */
@Command(
    name = "evaluate",
    description = {
      "Measure a dictionary on the tokens of a store.",
      "Fraction of variance unexplained, L0, dead features, and how often features fire; with a",
      "causal language model and a text also how much of the model's loss the reconstruction keeps.",
      "Writes evaluation.json beside the dictionary."
    },
    footer = {
      "",
      "Example:",
      "  sluice evaluate --dictionary runs/asi --store activations",
      "  sluice evaluate --dictionary runs/asi --store activations \\",
      "      --model model/ --text novel.txt --tokens 20000"
    })
final class EvaluateCommand extends SluiceCommand {
  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      required = true,
      description = "A run's folder, or any folder with a dictionary.")
  private Path folder;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      required = true,
      description = "A folder that 'sluice capture' wrote.")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Tokens at once (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description = "Tokens without firing that make a feature dead (default: the whole store).")
  private Long deadWindow;

  @Mixin private PositionOption positions;

  @Option(
      names = "--engine",
      paramLabel = "auto|vector|torch|reference",
      defaultValue = "auto",
      description = "What computes (default: the fastest that works here).")
  private String engine;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where it computes (default: cpu).")
  private String device;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description =
          "The causal language model that the activations are of; adds the loss recovered with the"
              + " reconstruction in their place, in all places at once where there are several.")
  private Path model;

  @Mixin private OptionalTexts texts;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    if (batch < 1) {
      throw usage("--batch must be at least 1, not " + batch);
    }
    if (deadWindow != null && deadWindow < 1) {
      throw usage("--dead-window must be at least 1, not " + deadWindow);
    }
    positions.check(this);
    EngineFactory engines;
    try {
      engines = EngineFactory.named(engine, Device.parse(device));
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    texts.check(this);
    if ((model != null) != texts.areGiven()) {
      throw usage("--model and --text go together; give both, or neither");
    }
    Subject subject = Subject.in(folder);
    ActivationStore activations = checksums.open(store);
    // A model that cannot be read should not cost the time of the rest.
    try (LoadedModel loaded =
        model == null ? null : LoadedModel.open(model, Device.parse(device))) {
      LossMeasurement losses =
          loaded == null
              ? null
              : new LossMeasurement(loaded, texts.spec(loaded), positions.of(loaded));
      evaluate(subject, activations, engines, losses);
    }
  }

  /**
   * What is measured.
   *
   * @param layers one dictionary, or the layers of a cross-layer transcoder
   * @param joint that transcoder; null where it is one dictionary
   */
  private record Subject(List<Dictionary> layers, CrossLayerDictionary joint) {
    static Subject in(Path folder) throws IOException {
      if (CrossLayerDictionary.isIn(folder)) {
        CrossLayerDictionary joint = CrossLayerDictionary.load(folder);
        return new Subject(joint.layers(), joint);
      }
      return new Subject(List.of(Dictionary.load(folder)), null);
    }

    /** What it writes. */
    List<Site> outputs() {
      return layers.getFirst().config().outputs();
    }
  }

  private void evaluate(
      Subject subject, ActivationStore activations, EngineFactory engines, LossMeasurement losses)
      throws IOException {
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
      evaluation = onStore(subject, activations, engines, progress::update);
      if (losses == null) {
        Evaluator.write(evaluation, folder);
      }
      progress.done();
    }
    if (losses != null) {
      Map<HookPoint, double[]> means = new TreeMap<>();
      for (Site site : subject.outputs()) {
        means.put(HookPoint.parse(site.hook()), mean(activations, site.hook()));
      }
      try (Progress progress = progress("loss", texts.total(), "tokens")) {
        evaluation =
            evaluation.with(
                means.size() == 1
                    ? losses.of(
                        subject.layers.getFirst(),
                        engines,
                        means.values().iterator().next(),
                        progress::update)
                    : losses.of(subject.layers, engines, means, progress::update));
        Evaluator.write(evaluation, folder);
        progress.done();
      }
      ContextOptions.tell(this, losses.problems());
    }
    if (json) {
      out().println(Evaluator.json(evaluation));
    } else {
      print(evaluation);
    }
  }

  private Evaluation onStore(
      Subject subject, ActivationStore activations, EngineFactory engines, LongConsumer progress)
      throws IOException {
    RowFilter rows = positions.rows(activations);
    long window = deadWindow == null ? Long.MAX_VALUE : deadWindow;
    return subject.joint == null
        ? Evaluator.evaluate(
            subject.layers.getFirst(), activations, rows, engines, batch, window, progress)
        : Evaluator.evaluate(subject.joint, activations, rows, engines, batch, window, progress);
  }

  /** Of the rows that take part; what does not is not replaced either. */
  private double[] mean(ActivationStore activations, String hook) throws IOException {
    return StoreCovariance.of(
            activations,
            activations.column(hook),
            positions.rows(activations),
            Device.CPU,
            rows -> {})
        .mean();
  }

  private void print(Evaluation e) {
    out().printf(Locale.ROOT, "tokens    %,d%n", e.tokens());
    out().printf(Locale.ROOT, "FVU       %.4f%n", e.fvu());
    out().printf(Locale.ROOT, "explained %.2f%% of the variance%n", 100 * e.explainedVariance());
    out().printf(Locale.ROOT, "L0        %.1f%n", e.l0());
    out()
        .printf(
            Locale.ROOT,
            "dead      %.2f%% (no firing in the last %,d tokens)%n",
            100 * e.deadFraction(),
            e.deadWindowTokens());
    out()
        .printf(
            Locale.ROOT,
            "never     %,d features fired on no token%n",
            e.frequencyHistogram().neverFired());
    for (Evaluation.SiteFvu site : e.sites()) {
      out().printf(Locale.ROOT, "FVU       %.4f of %s%n", site.fvu(), site.hook());
    }
    LossRecovered loss = e.lossRecovered();
    if (loss != null) {
      out()
          .printf(
              Locale.ROOT,
              "loss      %.1f%% recovered over %,d tokens: %.4f clean, %.4f with the reconstruction%s,"
                  + " %.4f with the mean%s%n",
              100 * loss.recovered(),
              loss.tokens(),
              loss.cleanLoss(),
              loss.loss(),
              e.sites().isEmpty() ? "" : "s",
              loss.ablatedLoss(),
              e.sites().isEmpty() ? "" : "s");
    }
  }
}
