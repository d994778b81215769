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
import io.sluice.cli.results.DictionaryMeasuring;
import io.sluice.cli.results.EvaluationFile;
import io.sluice.cli.results.EvaluationText;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryMemory;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.EvaluatedDictionary;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.files.Quoted;
import io.sluice.model.HookPoint;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
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
public class EvaluateCommand extends SluiceCommand {
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
  protected final void run() throws IOException {
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
    EvaluatedDictionary subject = subject(named, factory);
    file.check(found);
    ActivationStore activations = open(store);
    DictionaryMeasuring task = measuring(found, subject, activations, factory);
    tellOtherBeginning(subject, activations);
    tellCentred(subject);
    try (LoadedModel loaded =
            loss.open(this, engines.device(this), subject.outputs(), activations);
        Closeable work = begin(activations)) {
      evaluate(task, loaded);
    }
  }

  /** Opens the store and verifies it, if that is wanted. */
  protected ActivationStore open(MeasuredStore place) throws IOException {
    return place.open();
  }

  /** Opens the store where a part of the work is done. */
  protected ActivationStore openPart(MeasuredStore place) throws IOException {
    return place.openUnread();
  }

  /** Begins the work; the result is closed when it is done. */
  protected Closeable begin(ActivationStore activations) throws IOException {
    return () -> {};
  }

  /**
   * Measures the dictionary on some rows.
   *
   * @param which a value of {@code --rows}
   */
  protected Evaluation measure(DictionaryMeasuring task, String which, Progress progress)
      throws IOException {
    return Evaluator.evaluate(task.plan(which), task.engines(), progress.part());
  }

  /**
   * The mean of what the dictionary writes over some rows, {@code [Σ widths]}.
   *
   * @param which a value of {@code --rows}
   */
  protected double[] mean(DictionaryMeasuring task, String which) throws IOException {
    return StoreMean.of(task.store(), task.subject().outputs(), task.plan(which).filter());
  }

  /** Whether LibTorch runs the dictionary. */
  protected final boolean usesTorch() {
    return engines.areOfTorch(this);
  }

  /** Opens what the options name, to measure some of it in this process. */
  protected final DictionaryMeasuring measuring() throws IOException {
    EngineFactory factory = engines.engines(this);
    HubFiles.Named named = HubFiles.named(this, folder, null);
    return measuring(named.place(), subject(named, factory), openPart(store), factory);
  }

  private DictionaryMeasuring measuring(
      Path found, EvaluatedDictionary subject, ActivationStore activations, EngineFactory factory)
      throws IOException {
    rows.read(found, activations);
    return new DictionaryMeasuring(
        subject,
        activations,
        factory,
        which -> taking(activations, rows.contexts(which)),
        batch.tokens(),
        deadWindow.tokens(),
        store.isCompared());
  }

  /** Where contexts begin otherwise than in training, a dictionary reads other activations. */
  private void tellOtherBeginning(EvaluatedDictionary subject, ActivationStore activations) {
    Optional<Boolean> trained = subject.layers().getFirst().config().prependBos();
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
  private void tellCentred(EvaluatedDictionary subject) {
    if (subject.layers().getFirst().config().isCentred()) {
      err()
          .println(
              "evaluate: the dictionary reads centred tokens, and the mean of each is added to its"
                  + " reconstruction; SAELens measures without these means, so its lengths are"
                  + " shorter and its FVU is higher, by the means' share of the variance");
      err().flush();
    }
  }

  private static EvaluatedDictionary subject(HubFiles.Named named, EngineFactory engines)
      throws IOException {
    Path found = named.place();
    boolean isForeign = DictionaryFormat.isForeign(found);
    if (isForeign) {
      DictionaryFormat.of(found).requireMemory(found, engines);
    } else {
      DictionaryMemory.require(found, engines);
    }
    if (CrossLayerDictionary.isIn(found)) {
      return EvaluatedDictionary.of(CrossLayerDictionary.load(found));
    }
    if (!isForeign) {
      return EvaluatedDictionary.of(Dictionary.load(found));
    }
    Dictionary foreign = DictionaryFormat.of(found).read(found, named.origin());
    String hook = foreign.config().inputHook();
    if (!hook.contains(".")) {
      // Formats that name no hook point give a dictionary this one.
      boolean isNamed = !hook.isEmpty() && !hook.equals("input");
      throw new IOException(
          found
              + (isNamed
                  ? ": is of " + Quoted.of(hook) + ", which is no hook point here"
                  : ": does not say which hook point it is of")
              + "; give it one with 'sluice convert --hook NAME --to sluice' first");
    }
    return EvaluatedDictionary.of(foreign);
  }

  private void evaluate(DictionaryMeasuring task, LoadedModel loaded) throws IOException {
    EvaluatedDictionary subject = task.subject();
    ActivationStore activations = task.store();
    Evaluation evaluation;
    try (Progress progress = progress("evaluate", rows.count(activations), "tokens")) {
      evaluation = rows.measure(which -> measure(task, which, progress));
      progress.done();
    }
    if (loaded != null) {
      // The mean may be taken over tokens that are not measured.
      Map<HookPoint, double[]> means = means(subject, mean(task, rows.trained()));
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
                              subject.layers().getFirst(),
                              task.engines(),
                              means.values().iterator().next(),
                              progress::update)
                          : losses.of(subject.layers(), task.engines(), means, progress::update)));
    }
    file.publish(
        evaluation,
        folder,
        out(),
        json.asked(),
        result -> TEXT.print(result, subject.features(), rows.says(), out()));
  }

  /** Of each hook point that the dictionary writes. */
  private static Map<HookPoint, double[]> means(EvaluatedDictionary subject, double[] mean) {
    Map<HookPoint, double[]> means = new TreeMap<>();
    int at = 0;
    for (Site site : subject.outputs()) {
      means.put(HookPoint.parse(site.hook()), Arrays.copyOfRange(mean, at, at += site.width()));
    }
    return means;
  }

  /** The positions that are used: those of the run, unless others are asked for. */
  private RowFilter taking(ActivationStore activations, LongPredicate contexts) {
    int first = positions.asked().orElse(rows.firstPosition(activations));
    return RowFilter.fromPosition(first).and(RowFilter.rows(contexts));
  }
}
