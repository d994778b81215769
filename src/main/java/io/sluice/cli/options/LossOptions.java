package io.sluice.cli.options;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.dictionary.Site;
import io.sluice.evaluation.LossMeasurement;
import io.sluice.evaluation.LossRecovered;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A model and texts, to measure the loss recovered by a dictionary or Lorsa. */
@Grouped(OptionGroup.MODEL)
public final class LossOptions {
  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "Measure the loss recovered in the causal language model (a path, or a name on the hub) "
              + "whose activations were stored, with the reconstruction in their place. Several hook points are replaced at "
              + "once.")
  private Path model;

  @Mixin private OptionalTexts texts;

  /** Measures one replacement in the model. */
  public interface Measure {
    LossRecovered of(LossMeasurement losses, Progress progress) throws IOException;
  }

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    texts.check(command);
    if ((model != null) != texts.areGiven()) {
      throw command.usage("--model and --text go together; give both, or neither");
    }
  }

  /** Whether a model was given. */
  boolean areGiven() {
    return model != null;
  }

  /**
   * Opens the model; null if none was given.
   *
   * <p>A model that does not fit should not cost the time of the rest, so all that can be checked
   * without running it is checked here.
   *
   * @param replaced the hook points that will be replaced
   * @param store what the dictionary is measured on; contexts begin as its contexts do
   * @throws IOException if a file is missing or damaged
   * @throws IllegalArgumentException if the model has no such hook point or no such contexts
   */
  public LoadedModel open(
      SluiceCommand command, Device where, List<Site> replaced, ActivationStore store)
      throws IOException {
    if (model == null) {
      return null;
    }
    LoadedModel loaded = texts.open(command, model, where, store.manifest().prependBos());
    try {
      loaded.languageModel();
      texts.spec(loaded).requireFits(loaded);
      replaced.forEach(site -> requireHook(loaded, site.hook(), site.width()));
      return loaded;
    } catch (IOException | IllegalArgumentException e) {
      loaded.close();
      throw e;
    }
  }

  private static void requireHook(LoadedModel loaded, String hook, int width) {
    HookPoint point = HookPoint.parse(hook);
    if (!loaded.transformer().hookPoints().contains(point)) {
      throw new IllegalArgumentException(
          "%s is not in %s; give the model that was captured".formatted(hook, loaded.name()));
    }
    int actual = loaded.transformer().width(point);
    if (actual != width) {
      throw new IllegalArgumentException(
          "%s of %s is %d wide, not %d; give the model that was captured"
              .formatted(hook, loaded.name(), actual, width));
    }
  }

  /**
   * Measures what a replacement costs the model.
   *
   * @param from the first position that is replaced
   * @param keep which contexts are used, by their tokens; null for all
   */
  public LossRecovered measure(
      SluiceCommand command, LoadedModel loaded, int from, Predicate<int[]> keep, Measure measure)
      throws IOException {
    ContextSpec spec = texts.spec(loaded);
    LossMeasurement losses = new LossMeasurement(loaded, spec, from, keep);
    LossRecovered recovered;
    try (Progress progress = command.progress("loss", texts.total(), "tokens")) {
      recovered = measure.of(losses, progress);
      progress.done();
    }
    ContextOptions.tell(command, losses.problems());
    return recovered;
  }

  /** The mean of the rows that are used; the other rows are not replaced. */
  public static double[] mean(ActivationStore store, String hook, RowFilter rows)
      throws IOException {
    Site site = new Site(hook, store.column(hook).width());
    return StoreMean.of(store, List.of(site), rows);
  }
}
