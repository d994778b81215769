package io.sluice.cli;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.model.HookPoint;
import io.sluice.model.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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
  private static final EvaluationText TEXT =
      new EvaluationText("features", "", "the reconstruction");

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

  @Mixin private LossOptions loss;

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
    loss.check(this);
    Subject subject = Subject.in(folder);
    ActivationStore activations = checksums.open(store);
    try (LoadedModel loaded = loss.open(Device.parse(device), subject.outputs())) {
      evaluate(subject, activations, engines, loaded);
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
      Subject subject, ActivationStore activations, EngineFactory engines, LoadedModel loaded)
      throws IOException {
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", activations.rows(), "tokens")) {
      evaluation = onStore(subject, activations, engines, progress::update);
      if (loaded == null) {
        Evaluator.write(evaluation, folder);
      }
      progress.done();
    }
    if (loaded != null) {
      RowFilter rows = positions.rows(activations);
      Map<HookPoint, double[]> means = new TreeMap<>();
      for (Site site : subject.outputs()) {
        means.put(HookPoint.parse(site.hook()), LossOptions.mean(activations, site.hook(), rows));
      }
      evaluation =
          evaluation.with(
              loss.measure(
                  this,
                  loaded,
                  positions.of(loaded),
                  (losses, progress) ->
                      means.size() == 1
                          ? losses.of(
                              subject.layers.getFirst(),
                              engines,
                              means.values().iterator().next(),
                              progress::update)
                          : losses.of(subject.layers, engines, means, progress::update)));
      Evaluator.write(evaluation, folder);
    }
    if (json) {
      out().println(Evaluator.json(evaluation));
    } else {
      TEXT.print(evaluation, out());
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
}
