package io.sluice.cli;

import io.sluice.cli.console.Progress;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.gather.EncodingBatch;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.DeadWindowOption;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.JsonOption;
import io.sluice.cli.options.LossOptions;
import io.sluice.cli.options.MeasuredStore;
import io.sluice.cli.options.PositionOption;
import io.sluice.cli.options.RowsOption;
import io.sluice.cli.results.EvaluationFile;
import io.sluice.cli.results.EvaluationText;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryMemory;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.files.Quoted;
import io.sluice.model.HookPoint;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice evaluate}: measures a trained dictionary on a store. */
@Command(
    name = "evaluate",
    description = {
      "Measure a dictionary on the tokens of a store.",
      "It prints the fraction of variance unexplained (FVU), L0, dead features and how "
          + "often features fire, on the tokens that the run held out and on those that it "
          + "trained on, and cosine similarity, ratio of norms and L1 as SAELens's evals do. With "
          + "--model and --text it also prints how much of the model's loss the reconstruction "
          + "recovers, the CE score against zeros, and the KL divergence. The result goes to "
          + "evaluation.json, too, and by feature and by position into Arrow files beside it.",
      "Dictionaries of other libraries are measured as they are, if their files name their hook "
          + "points; 'sluice convert' names those of others."
    })
@Examples({
  "sluice evaluate --dictionary runs/asi --store activations",
  "sluice evaluate --dictionary runs/asi --store activations --model model/ --text "
      + "novel.txt --tokens 20000",
  "sluice evaluate --dictionary jbloom/GPT2-Small-SAEs-Reformatted/blocks.8.hook_resid_pre --store "
      + "activations --out evaluation.json"
})
final class EvaluateCommand extends SluiceCommand {
  private static final EvaluationText TEXT = new EvaluationText("features", "the reconstruction");

  @Option(
      names = "--dictionary",
      paramLabel = "DIR",
      required = true,
      description =
          "Measure the dictionary in this folder, of a run or of another library, or of this name on "
              + "the HuggingFace hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path folder;

  @Mixin private MeasuredStore store;

  @Mixin private EncodingBatch batch;

  @Mixin private DeadWindowOption deadWindow;

  @Mixin private PositionOption positions;

  @Mixin private RowsOption rows;

  @Mixin private EvaluationFile file;

  @Mixin private EngineOptions engines;

  @Mixin private LossOptions loss;

  @Mixin private JsonOption json;

  @Override
  protected void run() throws IOException {
    batch.check(this);
    deadWindow.check(this);
    positions.check(this);
    rows.check(this);
    engines.check(this);
    EngineFactory factory = engines.engines(this);
    loss.check(this);
    HubFiles.Named named = HubFiles.named(this, folder, null);
    Path found = named.place();
    if (!found.equals(folder) || Files.isRegularFile(found)) {
      file.requireGiven(this); // Neither the cache of the hub nor a set of files is a place for it.
    }
    if (DictionaryFormat.isForeign(found)) {
      DictionaryFormat.of(found).requireMemory(found, factory);
    } else {
      DictionaryMemory.require(found, factory);
    }
    Subject subject = Subject.in(found, named.origin());
    file.check(found);
    ActivationStore activations = store.open();
    rows.read(found, activations);
    tellOtherBeginning(subject, activations);
    tellCentred(subject);
    try (LoadedModel loaded =
        loss.open(this, engines.device(this), subject.outputs(), activations)) {
      evaluate(subject, activations, factory, loaded);
    }
  }

  /** Where contexts begin otherwise than in training, a dictionary reads other activations. */
  private void tellOtherBeginning(Subject subject, ActivationStore activations) {
    Optional<Boolean> trained = subject.layers.getFirst().config().prependBos();
    Optional<Boolean> stored = activations.manifest().prependBos();
    if (trained.isPresent() && stored.isPresent() && !trained.equals(stored)) {
      boolean begun = trained.get();
      err()
          .printf(
              "evaluate: contexts began %s a beginning-of-text token when the dictionary was"
                  + " trained, those of the store %s one; capture with %s%n",
              begun ? "with" : "without", begun ? "without" : "with", begun ? "--bos" : "--no-bos");
      err().flush();
    }
  }

  /** What its library measures has no means of tokens in it. */
  private void tellCentred(Subject subject) {
    if (subject.layers.getFirst().config().isCentred()) {
      err()
          .println(
              "evaluate: the dictionary reads centred tokens, and the mean of each is added to its"
                  + " reconstruction; SAELens measures without these means, so its lengths are"
                  + " shorter and its FVU is higher, by the means' share of the variance");
      err().flush();
    }
  }

  /**
   * What is measured.
   *
   * @param layers one dictionary, or the layers of a cross-layer transcoder
   * @param joint that transcoder; null where it is one dictionary
   */
  private record Subject(List<Dictionary> layers, CrossLayerDictionary joint) {
    static Subject in(Path folder, Origin origin) throws IOException {
      if (CrossLayerDictionary.isIn(folder)) {
        CrossLayerDictionary joint = CrossLayerDictionary.load(folder);
        return new Subject(joint.layers(), joint);
      }
      if (!DictionaryFormat.isForeign(folder)) {
        return new Subject(List.of(Dictionary.load(folder)), null);
      }
      Dictionary foreign = DictionaryFormat.of(folder).read(folder, origin);
      String hook = foreign.config().inputHook();
      if (!hook.contains(".")) {
        // Formats that name no hook point give a dictionary this one.
        boolean isNamed = !hook.isEmpty() && !hook.equals("input");
        throw new IOException(
            folder
                + (isNamed
                    ? ": is of " + Quoted.of(hook) + ", which is no hook point here"
                    : ": does not say which hook point it is of")
                + "; give it one with 'sluice convert --hook NAME --to sluice' first");
      }
      return new Subject(List.of(foreign), null);
    }

    /** How many features it has, in all layers. */
    int features() {
      return layers.stream().mapToInt(layer -> layer.config().features()).sum();
    }

    /** The hook points that the dictionary writes. */
    List<Site> outputs() {
      return layers.getFirst().config().outputs();
    }
  }

  private void evaluate(
      Subject subject, ActivationStore activations, EngineFactory engines, LoadedModel loaded)
      throws IOException {
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", rows.count(activations), "tokens")) {
      evaluation =
          rows.measure(
              contexts ->
                  onStore(
                      subject,
                      activations,
                      taking(activations, contexts),
                      engines,
                      progress.part()));
      progress.done();
    }
    if (loaded != null) {
      // The mean may be taken over tokens that are not measured.
      RowFilter part = taking(activations, rows.trained());
      Map<HookPoint, double[]> means = new TreeMap<>();
      for (Site site : subject.outputs()) {
        means.put(HookPoint.parse(site.hook()), LossOptions.mean(activations, site.hook(), part));
      }
      evaluation =
          evaluation.with(
              loss.measure(
                  this,
                  loaded,
                  positions.of(loaded),
                  rows.text(activations),
                  (losses, progress) ->
                      means.size() == 1
                          ? losses.of(
                              subject.layers.getFirst(),
                              engines,
                              means.values().iterator().next(),
                              progress::update)
                          : losses.of(subject.layers, engines, means, progress::update)));
    }
    file.publish(
        evaluation,
        folder,
        out(),
        json.asked(),
        result -> TEXT.print(result, subject.features(), rows.says(), out()));
  }

  /** The positions that are used: those of the run, unless others are asked for. */
  private RowFilter taking(ActivationStore activations, LongPredicate contexts) {
    int first = positions.asked().orElse(rows.firstPosition(activations));
    return RowFilter.fromPosition(first).and(RowFilter.rows(contexts));
  }

  private Evaluation onStore(
      Subject subject,
      ActivationStore activations,
      RowFilter part,
      EngineFactory engines,
      LongConsumer progress)
      throws IOException {
    long window = deadWindow.tokens();
    return subject.joint == null
        ? Evaluator.evaluate(
            subject.layers.getFirst(), activations, part, engines, batch.tokens(), window, progress)
        : Evaluator.evaluate(
            subject.joint, activations, part, engines, batch.tokens(), window, progress);
  }
}
