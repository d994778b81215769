package io.sluice.cli;

import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
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
      "Measure a dictionary on every token of a store.",
      "Fraction of variance unexplained, L0, dead features, and how often features fire. Writes",
      "evaluation.json beside the dictionary."
    },
    footer = {"", "Example:", "  sluice evaluate --dictionary runs/asi --store activations"})
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
    EngineFactory engines;
    try {
      engines = EngineFactory.named(engine, Device.parse(device));
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    Dictionary dictionary = Dictionary.load(folder);
    ActivationStore activations = checksums.open(store);
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
      evaluation =
          Evaluator.evaluate(
              dictionary,
              activations,
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
  }
}
