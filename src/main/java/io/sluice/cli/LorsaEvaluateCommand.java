package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.options.DeadWindowOption;
import io.sluice.cli.options.DeviceOption;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.LossOptions;
import io.sluice.cli.options.MeasuredStore;
import io.sluice.cli.options.RowsOption;
import io.sluice.cli.results.EvaluationFile;
import io.sluice.cli.results.EvaluationText;
import io.sluice.dictionary.Site;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.LossRecovered;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.evaluation.LorsaEvaluator;
import io.sluice.lorsa.evaluation.LorsaReconstruction;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice lorsa evaluate}: measures a trained Lorsa on a store, and in a model. */
@Command(
    name = "evaluate",
    description = {
      "Measure a low-rank sparse attention on the contexts of a store.",
      "It prints the fraction of variance unexplained (FVU), L0, dead heads and how often "
          + "heads write, on the contexts that the run held out and on those that it trained on. "
          + "With --model and --text it also prints how much of the model's loss is recovered "
          + "with its output in the place of attention's. The result goes to evaluation.json, "
          + "too.",
      "The store needs what the layer's attention reads and writes."
    })
@Examples({
  "sluice lorsa evaluate --lorsa runs/lorsa --store attention",
  "sluice lorsa evaluate --lorsa runs/lorsa --store attention --model model/ --text "
      + "novel.txt --tokens 20000"
})
final class LorsaEvaluateCommand extends SluiceCommand {
  private static final EvaluationText TEXT = new EvaluationText("heads", "its output");

  @Option(
      names = "--lorsa",
      paramLabel = "DIR",
      required = true,
      description = "Measure the Lorsa in this folder.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path folder;

  @Mixin private MeasuredStore store;

  @Mixin private DeadWindowOption deadWindow;

  @Mixin private DeviceOption device;

  @Mixin private RowsOption rows;

  @Mixin private EvaluationFile file;

  @Mixin private LossOptions loss;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    deadWindow.check(this);
    rows.check(this);
    loss.check(this);
    Device where = device.of(this);
    Lorsa lorsa = Lorsa.load(folder);
    file.check(folder);
    ActivationStore activations = store.open();
    rows.read(folder, activations);
    Contexts contexts = Contexts.of(activations);
    Site output = new Site(lorsa.config().outputHook(), lorsa.config().spec().outputWidth());
    try (LoadedModel loaded = loss.open(this, where, List.of(output), activations)) {
      Evaluation evaluation;
      try (Progress progress = progress("evaluate", rows.count(activations), "tokens")) {
        evaluation =
            rows.measure(
                part ->
                    LorsaEvaluator.evaluate(
                        lorsa,
                        contexts.where(rows.contexts(part)),
                        where,
                        deadWindow.tokens(),
                        progress.part()));
        progress.done();
      }
      if (loaded != null) {
        evaluation = evaluation.with(recovered(loaded, lorsa, activations, where));
      }
      file.publish(
          evaluation,
          folder,
          out(),
          json.asked(),
          result -> TEXT.print(result, lorsa.config().spec().heads(), rows.says(), out()));
    }
  }

  private LossRecovered recovered(
      LoadedModel loaded, Lorsa lorsa, ActivationStore activations, Device where)
      throws IOException {
    int from = lorsa.config().fromPosition();
    double[] mean =
        LossOptions.mean(
            activations,
            lorsa.config().outputHook(),
            RowFilter.fromPosition(from).and(RowFilter.rows(rows.contexts(rows.trained()))));
    try (LorsaReconstruction reconstruction = new LorsaReconstruction(lorsa, where)) {
      return loss.measure(
          this,
          loaded,
          from,
          rows.text(activations),
          (losses, progress) ->
              losses.of(reconstruction.output(), reconstruction.hooks(), mean, progress::update));
    }
  }
}
