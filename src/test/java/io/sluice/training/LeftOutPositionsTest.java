package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.Evaluator;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.Shard;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Manifest;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.TrainingListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A causal model's first positions take no part in training and evaluation unless asked for. */
@Tag("slow")
class LeftOutPositionsTest {
  private static final int ROWS = 2000;
  private static final int CONTEXT = 8;
  private static final EngineFactory ENGINES = EngineFactory.reference();
  @TempDir private Path temp;

  /** Without the first positions, which {@link #causal} has. */
  private ActivationStore without;

  private ActivationStore causal;

  @BeforeEach
  void writeStores() throws IOException {
    without = SyntheticStore.write(temp.resolve("without"), ROWS, DType.F32, 11);
    causal = withSinks(temp.resolve("causal"), Manifest.FIRST_POSITION, "1");
  }

  @Test
  void trainsInTheSameBitsAsWithoutThem() throws IOException {
    train(without, config(), "expected");
    train(causal, config(), "actual");
    assertSameWeights("actual", "expected");
    assertThat(Trainer.settings(temp.resolve("actual")).path("fromPosition").asInt()).isEqualTo(1);
    Evaluation expected = evaluate("expected", without);
    Evaluation actual = evaluate("actual", causal);
    assertThat(Evaluator.json(actual)).isEqualTo(Evaluator.json(expected));
    assertThat(actual.tokens()).isEqualTo(ROWS);
  }

  @Test
  void takesThemInWhenAsked() throws IOException {
    train(causal, config().fromPosition(0), "all");
    train(causal, config(), "usual");
    // The sinks hold nearly all energy, so a dictionary that saw them explains them.
    Evaluation seen =
        Evaluator.evaluate(
            Dictionary.load(temp.resolve("all")),
            causal,
            RowFilter.ALL,
            ENGINES,
            100,
            Long.MAX_VALUE,
            done -> {});
    assertThat(seen.tokens()).isEqualTo(causal.rows());
    assertThat(evaluate("all", causal).fvu()).isGreaterThan(2 * evaluate("usual", causal).fvu());
  }

  @Test
  void goesOnWithTheRowsThatItBeganWith() throws IOException {
    for (int from = 0; from < 2; from++) {
      train(causal, config().fromPosition(from), "whole" + from);
      Path run = temp.resolve("stopped" + from);
      try (Trainer trainer =
          Trainer.start(causal, config().fromPosition(from).build(), ENGINES, "x", run)) {
        trainer.run(new FailingAt(25));
      } catch (IllegalStateException stopped) {
        assertThat(run.resolve("dictionary.safetensors")).doesNotExist();
      }
      if (from == 0) {
        // As it was written before runs said where they begin.
        Path file = run.resolve("run.json");
        ObjectMapper json = new ObjectMapper();
        ObjectNode description = (ObjectNode) json.readTree(file.toFile());
        ((ObjectNode) description.get("config")).remove("fromPosition");
        json.writeValue(file.toFile(), description);
      }
      try (Trainer trainer = Trainer.resume(causal, ENGINES, run)) {
        assertThat(trainer.step()).isEqualTo(20);
        trainer.run(TrainingListener.NONE);
      }
      assertSameWeights("stopped" + from, "whole" + from);
    }
  }

  @Test
  void storesSayWhereTheyBegin() throws IOException {
    assertThat(causal.firstPosition()).isEqualTo(1);
    assertThat(without.firstPosition()).isZero();
    assertThat(withSinks(temp.resolve("older"), "causal", "true").firstPosition()).isEqualTo(1);
    assertThat(withSinks(temp.resolve("encoder"), "causal", "false").firstPosition()).isZero();
    assertThat(withSinks(temp.resolve("three"), Manifest.FIRST_POSITION, "3").firstPosition())
        .isEqualTo(3);
  }

  @Test
  void namesThePositionThatLeavesNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> train(causal, config().fromPosition(CONTEXT + 1), "none"))
        .withMessageContaining("none of its");
    assertThatIllegalArgumentException().isThrownBy(() -> config().fromPosition(-1).build());
  }

  private static TrainingConfigBuilder config() {
    return TrainerTest.small().heldOut(0).steps(40).checkpointEvery(20);
  }

  private void train(ActivationStore store, TrainingConfigBuilder config, String run)
      throws IOException {
    try (Trainer trainer = Trainer.start(store, config.build(), ENGINES, run, temp.resolve(run))) {
      trainer.run(TrainingListener.NONE);
    }
  }

  private Evaluation evaluate(String run, ActivationStore store) throws IOException {
    Dictionary dictionary = Dictionary.load(temp.resolve(run));
    return Evaluator.evaluate(dictionary, store, ENGINES, 100, Long.MAX_VALUE, done -> {});
  }

  private void assertSameWeights(String actual, String expected) throws IOException {
    assertThat(Files.readAllBytes(temp.resolve(actual).resolve("dictionary.safetensors")))
        .isEqualTo(Files.readAllBytes(temp.resolve(expected).resolve("dictionary.safetensors")));
  }

  /** The other store's rows in contexts, each behind a row of another scale. */
  private ActivationStore withSinks(Path folder, String property, String value) throws IOException {
    StoreSpec spec =
        StoreSpec.of("synthetic", "noise", without.columns())
            .withRowsPerShard(1000)
            .with(property, value);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      long rowBytes = SyntheticStore.WIDTH * Float.BYTES;
      MemorySegment rows = arena.allocate((CONTEXT + 1) * rowBytes, 64);
      for (int i = 0; i < SyntheticStore.WIDTH; i++) {
        rows.setAtIndex(ValueLayout.JAVA_FLOAT, i, 3000f * (i % 5 - 2));
      }
      int[] positions = new int[CONTEXT + 1];
      for (int first = 0; first < ROWS; first += CONTEXT) {
        for (int i = 0; i < CONTEXT; i++) {
          Shard shard = without.shards().get((first + i) / 1000);
          MemorySegment.copy(
              shard.data(SyntheticStore.HOOK),
              (first + i) % 1000 * rowBytes,
              rows,
              (i + 1) * rowBytes,
              rowBytes);
          positions[i + 1] = i + 1;
        }
        int[] ids = new int[CONTEXT + 1];
        writer.append(ids, positions, ids, DType.F32, rows);
      }
      writer.finish();
    }
    return ActivationStore.open(folder);
  }
}
