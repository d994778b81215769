package io.sluice.cli;

import io.sluice.dictionary.lorsa.Lorsa;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovered;
import io.sluice.evaluation.lorsa.LorsaEvaluator;
import io.sluice.evaluation.lorsa.LorsaReconstruction;
import io.sluice.geometry.StoreCovariance;
import io.sluice.model.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice lorsa evaluate}: what a trained Lorsa does on a store, and in a model. */
@Command(
    name = "evaluate",
    description = {
      "Measure a low-rank sparse attention on every context of a store.",
      "Fraction of variance unexplained, L0, dead heads, and how often heads write; with a causal",
      "language model and a text also how much of the model's loss is kept with its output in the",
      "place of attention's. Writes evaluation.json beside it."
    },
    footer = {
      "",
      "Example:",
      "  sluice lorsa evaluate --lorsa runs/lorsa --store attention",
      "  sluice lorsa evaluate --lorsa runs/lorsa --store attention \\",
      "      --model model/ --text novel.txt --tokens 20000"
    })
final class LorsaEvaluateCommand extends SluiceCommand {
  @Option(
      names = "--lorsa",
      paramLabel = "DIR",
      required = true,
      description = "A run's folder, or any folder with lorsa.json and lorsa.safetensors.")
  private Path folder;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      required = true,
      description = "A folder that 'sluice capture' wrote with what it reads and writes.")
  private Path store;

  @Mixin private StoreChecksums checksums;

  @Option(
      names = "--dead-window",
      paramLabel = "N",
      description = "Tokens without firing that make a head dead (default: the whole store).")
  private Long deadWindow;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where it computes (default: cpu).")
  private String device;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description = "The causal language model whose attention it decomposes.")
  private Path model;

  @Mixin private OptionalTexts texts;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Override
  protected void run() throws IOException {
    if (deadWindow != null && deadWindow < 1) {
      throw usage("--dead-window must be at least 1, not " + deadWindow);
    }
    texts.check(this);
    if ((model != null) != texts.areGiven()) {
      throw usage("--model and --text go together; give both, or neither");
    }
    Device where;
    try {
      where = Device.parse(device);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    Lorsa lorsa = Lorsa.load(folder);
    ActivationStore activations = checksums.open(store);
    Contexts contexts = Contexts.of(activations);
    // A model that cannot be read should not cost the time of the rest.
    try (LoadedModel loaded = model == null ? null : LoadedModel.open(model, where)) {
      LossMeasurement losses = loaded == null ? null : losses(loaded, lorsa);
      Evaluation evaluation;
      try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
        evaluation =
            LorsaEvaluator.evaluate(
                lorsa,
                contexts,
                where,
                deadWindow == null ? Long.MAX_VALUE : deadWindow,
                progress::update);
        progress.done();
      }
      if (losses != null) {
        evaluation = evaluation.with(recovered(losses, lorsa, activations, where));
        ContextOptions.tell(this, losses.problems());
      }
      Evaluator.write(evaluation, folder);
      if (json) {
        out().println(Evaluator.json(evaluation));
      } else {
        print(evaluation);
      }
    }
  }

  private LossMeasurement losses(LoadedModel loaded, Lorsa lorsa) {
    return new LossMeasurement(loaded, texts.spec(loaded), lorsa.config().fromPosition());
  }

  private LossRecovered recovered(
      LossMeasurement losses, Lorsa lorsa, ActivationStore activations, Device where)
      throws IOException {
    String hook = lorsa.config().outputHook();
    double[] mean =
        StoreCovariance.of(
                activations,
                activations.column(hook),
                RowFilter.fromPosition(lorsa.config().fromPosition()),
                Device.CPU,
                rows -> {})
            .mean();
    try (LorsaReconstruction reconstruction = new LorsaReconstruction(lorsa, where);
        Progress progress = progress("loss", texts.total(), "tokens")) {
      LossRecovered recovered =
          losses.of(reconstruction.output(), reconstruction.hooks(), mean, progress::update);
      progress.done();
      return recovered;
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
            "dead      %.2f%% of the heads (no firing in the last %,d tokens)%n",
            100 * e.deadFraction(),
            e.deadWindowTokens());
    out()
        .printf(
            Locale.ROOT,
            "never     %,d heads fired on no token%n",
            e.frequencyHistogram().neverFired());
    LossRecovered loss = e.lossRecovered();
    if (loss != null) {
      out()
          .printf(
              Locale.ROOT,
              "loss      %.1f%% recovered over %,d tokens: %.4f clean, %.4f with its output, %.4f"
                  + " with the mean%n",
              100 * loss.recovered(),
              loss.tokens(),
              loss.cleanLoss(),
              loss.loss(),
              loss.ablatedLoss());
    }
  }
}
