package io.sluice.training.start;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.training.LayeredStore;
import io.sluice.training.PairedStore;
import io.sluice.training.SyntheticStore;
import io.sluice.training.Trainer;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.PenaltyKind;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Training that goes on from a finished dictionary starts at what that dictionary computes. */
class FurtherTrainingTest {
  private static final EngineFactory ENGINES = EngineFactory.vector(Workers.of(1));
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @TempDir private Path temp;

  /** The dictionaries that are trained, and then trained further. */
  enum Case {
    PLAIN,
    CENTRED,
    BY_NORM,
    SPARSELY,
    BATCHTOPK,
    NESTED,
    JUMPRELU,
    GATED,
    RELU,
    PURSUIT,
    TRANSCODER,
    SKIP,
    CROSSCODER,
    CROSS_LAYER;

    ActivationStore store(Path folder) throws IOException {
      return this == CROSS_LAYER
          ? LayeredStore.write(folder, 2500, 5)
          : PairedStore.write(folder, 2500, DType.F32, 5);
    }

    TrainingConfigBuilder config() {
      TrainingConfigBuilder config =
          TrainingConfig.of(this == CROSS_LAYER ? LayeredStore.READS.getFirst() : PairedStore.INPUT)
              .features(48)
              .k(4)
              .batch(64)
              .steps(60)
              .learningRate(5e-3)
              .sampleRows(1200)
              .centre(this != PLAIN)
              .seed(11);
      PenaltyConfig l1 = PenaltyConfig.of(PenaltyKind.L1, 0.05, 0);
      return switch (this) {
        case PLAIN, CENTRED -> config;
        case BY_NORM -> config.scoreByDecoderNorm(true);
        case SPARSELY -> config.activation("abstopk");
        case BATCHTOPK -> config.activation("batchtopk");
        case NESTED -> config.prefixes(List.of(16));
        case JUMPRELU -> config.activation("jumprelu", 0.05, 0);
        case GATED -> config.activation("gated", l1);
        case RELU -> config.activation("relu", l1);
        case PURSUIT -> config.activation("matching_pursuit");
        case TRANSCODER -> config.kind(transcoder(false));
        case SKIP -> config.kind(transcoder(true));
        case CROSSCODER -> config.kind(new Kind.Crosscoder(List.of(PairedStore.TARGET)));
        case CROSS_LAYER ->
            config.kind(
                new Kind.CrossLayerTranscoder(
                    LayeredStore.READS.subList(1, LayeredStore.READS.size()),
                    LayeredStore.WRITES,
                    InitialEncoder.PULL_BACK));
      };
    }

    private static Kind transcoder(boolean skip) {
      return new Kind.Transcoder(PairedStore.TARGET, InitialEncoder.PULL_BACK, skip);
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(Case.class)
  void startsAtWhatTheDictionaryComputes(Case which) throws IOException {
    ActivationStore store = which.store(temp.resolve("store"));
    Path first = temp.resolve("first");
    train(store, which.config(), first);
    SavedDictionary saved = SavedDictionary.open(first, OptionalDouble.empty());
    assertThat(saved.kind(hooks(saved.inputs()), hooks(saved.outputs())))
        .isEqualTo(which.config().build().kind());
    // Another order of the data is another sample, and so other scales.
    TrainingConfigBuilder further =
        which.config().dataSeed(99).normSearch(false).start(saved.start(OptionalDouble.empty()));
    Path second = temp.resolve("second");
    try (Trainer trainer = Trainer.start(store, further.build(), ENGINES, "further", second)) {
      requireSame(which, saved, trainer);
      Evaluation before = evaluation(first, store);
      if (which == Case.CROSS_LAYER) {
        trainer.crossLayerDictionary().save(Files.createDirectory(temp.resolve("start")));
      } else {
        trainer.dictionary().save(Files.createDirectory(temp.resolve("start")));
      }
      if (which != Case.BATCHTOPK) {
        // That one finds its threshold again.
        Evaluation start = evaluation(temp.resolve("start"), store);
        assertThat(start.fvu()).isCloseTo(before.fvu(), within(1e-5 * before.fvu()));
        assertThat(start.l0()).isCloseTo(before.l0(), within(1e-3));
      }
      RunResult result = trainer.run(TrainingListener.NONE);
      // Adam starts anew, so the first steps may undo something.
      assertThat(result.fvu()).isLessThan(1.3 * before.fvu());
    }
    assertThat(evaluation(second, store).fvu()).isLessThan(1.2 * evaluation(first, store).fvu());
  }

  private static void requireSame(Case which, SavedDictionary saved, Trainer trainer) {
    List<Dictionary> now =
        which == Case.CROSS_LAYER
            ? trainer.crossLayerDictionary().layers()
            : List.of(trainer.dictionary());
    for (int layer = 0; layer < now.size(); layer++) {
      Dictionary start = now.get(layer);
      Dictionary end;
      try {
        end = saved.layers().get(layer).read(java.lang.foreign.Arena.ofAuto());
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
      requireClose("W_E", start.parameters().encoder(), end.parameters().encoder());
      requireClose("b_E", start.parameters().encoderBias(), end.parameters().encoderBias());
      requireClose("W_D", start.parameters().decoder(), end.parameters().decoder());
      requireClose("b_D", start.parameters().decoderBias(), end.parameters().decoderBias());
      if (end.hasSkip()) {
        requireClose("skip", start.skip(), end.skip());
      }
      if (which == Case.JUMPRELU || which == Case.GATED) {
        float[] found = start.config().activation().bounds().orElseThrow().toArray(48);
        float[] wanted = end.config().activation().bounds().orElseThrow().toArray(48);
        requireClose("threshold", MemorySegment.ofArray(found), MemorySegment.ofArray(wanted));
      }
    }
  }

  /** Two conversions round each number twice, and shifts are sums over a row. */
  private static void requireClose(String name, MemorySegment found, MemorySegment wanted) {
    float[] is = found.toArray(FLOAT);
    float[] should = wanted.toArray(FLOAT);
    float largest = 0;
    for (float value : should) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(is).as(name).hasSameSizeAs(should);
    for (int i = 0; i < is.length; i++) {
      assertThat(is[i]).as(name + " " + i).isCloseTo(should[i], within(2e-6f * largest));
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(
      value = Case.class,
      names = {"PLAIN", "CENTRED", "JUMPRELU", "GATED"})
  void theEncoderMayBeginOrCeaseToSubtractTheDecoderBias(Case which) throws IOException {
    ActivationStore store = which.store(temp.resolve("store"));
    Path first = temp.resolve("first");
    train(store, which.config(), first);
    SavedDictionary saved = SavedDictionary.open(first, OptionalDouble.empty());
    boolean centre = !saved.config().subtractDecoderBias();
    TrainingConfig further =
        which
            .config()
            .centre(centre)
            .normSearch(false)
            .start(saved.start(OptionalDouble.empty()))
            .build();
    try (Trainer trainer = Trainer.start(store, further, ENGINES, "x", temp.resolve("second"))) {
      Dictionary start = trainer.dictionary();
      assertThat(start.config().subtractDecoderBias()).isEqualTo(centre);
      start.save(Files.createDirectory(temp.resolve("start")));
      Evaluation before = evaluation(first, store);
      Evaluation now = evaluation(temp.resolve("start"), store);
      assertThat(now.fvu()).isCloseTo(before.fvu(), within(1e-5 * before.fvu()));
      assertThat(now.l0()).isCloseTo(before.l0(), within(1e-3));
    }
  }

  @Test
  void oneOfAnotherLibraryIsTrainedFurther() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    Path first = temp.resolve("first");
    train(store, small(), first);
    Path foreign = temp.resolve("foreign");
    DictionaryFormat.SAELENS.write(Dictionary.load(first), foreign);
    SavedDictionary saved = SavedDictionary.open(foreign, OptionalDouble.empty());
    Path second = temp.resolve("second");
    train(store, small().start(saved.start(OptionalDouble.empty())), second);
    assertThat(evaluation(second, store).fvu()).isLessThan(evaluation(first, store).fvu());
  }

  @Test
  void aRunThatStartsAgainNeedsTheSameDictionary() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    Path first = temp.resolve("first");
    train(store, small(), first);
    SavedDictionary saved = SavedDictionary.open(first, OptionalDouble.empty());
    Path second = temp.resolve("second");
    TrainingConfig config =
        small().checkpointEvery(0).start(saved.start(OptionalDouble.empty())).build();
    Trainer.start(store, config, ENGINES, "x", second).close();
    Path whole = temp.resolve("whole");
    RunResult undisturbed = train(store, small().start(config.start()), whole);
    try (Trainer trainer = Trainer.resume(store, ENGINES, second)) {
      assertThat(trainer.config().start()).isEqualTo(config.start());
      assertThat(trainer.run(TrainingListener.NONE).fvu()).isEqualTo(undisturbed.fvu());
    }
    Path third = temp.resolve("third");
    Trainer.start(store, config, ENGINES, "x", third).close();
    Path other = temp.resolve("other");
    train(store, small().seed(12), other);
    for (String file : List.of("dictionary.json", "dictionary.safetensors")) {
      Files.copy(
          other.resolve(file),
          first.resolve(file),
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }
    assertThatThrownBy(() -> Trainer.resume(store, ENGINES, third).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(first.toString())
        .hasMessageContaining("has changed since the run was started");
  }

  @Test
  void whatDoesNotFitIsRefusedByName() throws IOException {
    ActivationStore store = SyntheticStore.write(temp.resolve("store"), 2500, DType.F32, 7);
    ActivationStore wider = PairedStore.write(temp.resolve("wider"), 2500, DType.F32, 7);
    Path first = temp.resolve("first");
    train(store, small(), first);
    SavedDictionary saved = SavedDictionary.open(first, OptionalDouble.empty());
    TrainingConfigBuilder further = small().start(saved.start(OptionalDouble.empty()));
    TrainingConfig config = further.build();
    refused(
        wider,
        TrainingConfig.of(PairedStore.INPUT)
            .features(64)
            .start(saved.start(OptionalDouble.empty()))
            .build(),
        "reads layers.0.attn_out of width 24, but 'layers.2.resid' of " + wider.folder());
    refused(store, further.features(32).build(), "has 64 features, not the 32 of this run");
    refused(
        store,
        further.features(64).activation("matching_pursuit").build(),
        "has the activation function topk, which cannot become matching_pursuit");
    assertThatThrownBy(
            () -> small().start(config.start()).remedies(Remedies.NONE.whitened(1e-6)).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("begin with new parameters");
    try (RandomAccessFile file =
        new RandomAccessFile(first.resolve("dictionary.safetensors").toFile(), "rw")) {
      file.setLength(file.length() - 5);
    }
    assertThatThrownBy(() -> SavedDictionary.open(first, OptionalDouble.empty()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("dictionary.safetensors");
  }

  private void refused(ActivationStore store, TrainingConfig config, String message) {
    Path run = temp.resolve("refused");
    assertThatThrownBy(() -> Trainer.start(store, config, ENGINES, "x", run).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message);
    assertThat(run.resolve("run.json")).doesNotExist();
  }

  private static TrainingConfigBuilder small() {
    return TrainingConfig.of(SyntheticStore.HOOK)
        .features(64)
        .k(4)
        .batch(64)
        .steps(50)
        .learningRate(5e-3)
        .sampleRows(1200)
        .seed(11);
  }

  private static List<String> hooks(List<Site> sites) {
    return sites.stream().map(Site::hook).toList();
  }

  private static RunResult train(ActivationStore store, TrainingConfigBuilder config, Path run)
      throws IOException {
    try (Trainer trainer = Trainer.start(store, config.build(), ENGINES, "test", run)) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  private static Evaluation evaluation(Path folder, ActivationStore store) throws IOException {
    return CrossLayerDictionary.isIn(folder)
        ? Evaluator.evaluate(
            CrossLayerDictionary.load(folder),
            store,
            RowFilter.ALL,
            ENGINES,
            512,
            Long.MAX_VALUE,
            done -> {})
        : Evaluator.evaluate(
            Dictionary.load(folder), store, ENGINES, 512, Long.MAX_VALUE, done -> {});
  }
}
