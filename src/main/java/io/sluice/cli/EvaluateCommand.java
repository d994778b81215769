package io.sluice.cli;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovered;
import io.sluice.geometry.StoreCovariance;
import io.sluice.model.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
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
              + " reconstruction in their place.")
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
    if (CrossLayerDictionary.isIn(folder)) {
      evaluateCrossLayer(engines);
      return;
    }
    Dictionary dictionary = Dictionary.load(folder);
    if (model != null && !dictionary.config().sites().isEmpty()) {
      throw usage(
          "--model takes dictionaries that write one hook point; this one writes "
              + dictionary.config().outputHook());
    }
    ActivationStore activations = checksums.open(store);
    // A model that cannot be read should not cost the time of the rest.
    try (LoadedModel loaded =
        model == null ? null : LoadedModel.open(model, Device.parse(device))) {
      LossMeasurement losses = loaded == null ? null : losses(loaded);
      evaluate(dictionary, activations, engines, losses);
    }
  }

  private void evaluateCrossLayer(EngineFactory engines) throws IOException {
    if (model != null) {
      throw usage(
          "--model takes dictionaries that write one hook point, no cross-layer transcoder");
    }
    CrossLayerDictionary dictionary = CrossLayerDictionary.load(folder);
    ActivationStore activations = checksums.open(store);
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
      evaluation =
          Evaluator.evaluate(
              dictionary,
              activations,
              positions.rows(activations),
              engines,
              batch,
              deadWindow == null ? Long.MAX_VALUE : deadWindow,
              progress::update);
      Evaluator.write(evaluation, folder);
      progress.done();
    }
    if (json) {
      out().println(Evaluator.json(evaluation));
    } else {
      print(evaluation);
    }
  }

  private LossMeasurement losses(LoadedModel loaded) {
    return new LossMeasurement(loaded, texts.spec(loaded), positions.of(loaded));
  }

  private void evaluate(
      Dictionary dictionary,
      ActivationStore activations,
      EngineFactory engines,
      LossMeasurement losses)
      throws IOException {
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
      evaluation =
          Evaluator.evaluate(
              dictionary,
              activations,
              positions.rows(activations),
              engines,
              batch,
              deadWindow == null ? Long.MAX_VALUE : deadWindow,
              progress::update);
      if (losses == null) {
        Evaluator.write(evaluation, folder);
      }
      progress.done();
    }
    if (losses != null) {
      double[] mean = mean(activations, dictionary.config().outputHook());
      try (Progress progress = progress("loss", texts.total(), "tokens")) {
        evaluation = evaluation.with(losses.of(dictionary, engines, mean, progress::update));
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
              "loss      %.1f%% recovered over %,d tokens: %.4f clean, %.4f with the reconstruction,"
                  + " %.4f with the mean%n",
              100 * loss.recovered(),
              loss.tokens(),
              loss.cleanLoss(),
              loss.loss(),
              loss.ablatedLoss());
    }
  }
}
