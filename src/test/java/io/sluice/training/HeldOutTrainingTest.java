package io.sluice.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.dictionary.Dictionary;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import io.sluice.training.run.RunResult;
import io.sluice.training.run.RunRows;
import io.sluice.training.run.StoppedException;
import io.sluice.training.run.TrainingListener;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepListener;
import io.sluice.training.sweep.SweepResult;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run keeps apart, it never touches before it measures on it. */
@Tag("slow")
class HeldOutTrainingTest {
  private static final int WIDTH = SyntheticStore.WIDTH;
  private static final int CONTEXT = 32;
  private static final int ROWS = 5000;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  @TempDir private Path temp;
  private float[][] rows;

  @BeforeEach
  void makeRows() throws IOException {
    ActivationStore made = SyntheticStore.write(temp.resolve("made"), ROWS, DType.F32, 11);
    rows = new float[ROWS][WIDTH];
    made.shards()
        .forEach(
            shard -> {
              for (int r = 0; r < shard.rows(); r++) {
                MemorySegment.copy(
                    shard.data(SyntheticStore.HOOK),
                    FLOAT,
                    4L * r * WIDTH,
                    rows[(int) shard.firstRow() + r],
                    0,
                    WIDTH);
              }
            });
  }

  /** The rows in contexts of one length, all of one document. */
  private ActivationStore write(String name, float[][] values) throws IOException {
    Path folder = temp.resolve(name);
    StoreSpec spec =
        StoreSpec.of(
                "synthetic",
                "noise",
                java.util.List.of(new Column(SyntheticStore.HOOK, WIDTH, DType.F32)))
            .withRowsPerShard(1000);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment memory = arena.allocate(4L * values.length * WIDTH, 64);
      int[] positions = new int[values.length];
      for (int row = 0; row < values.length; row++) {
        positions[row] = row % CONTEXT;
        MemorySegment.copy(values[row], 0, memory, FLOAT, 4L * row * WIDTH, WIDTH);
      }
      writer.append(new int[values.length], positions, new int[values.length], DType.F32, memory);
      writer.finish();
    }
    return ActivationStore.open(folder);
  }

  private static TrainingConfigBuilder config() {
    return TrainingConfig.of(SyntheticStore.HOOK)
        .features(64)
        .k(4)
        .start(new InitialDirections.ActiveSubspace(8, 0.99))
        .batch(64)
        .steps(40)
        .seed(5)
        .deadWindow(1000)
        .checkpointEvery(10)
        .logEvery(8);
  }

  private RunResult train(ActivationStore store, TrainingConfig config, String run)
      throws IOException {
    try (Trainer trainer =
        Trainer.start(store, config, EngineFactory.reference(), "run", temp.resolve(run))) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  /** The engine's weights are exported in place for each measurement, and restored. */
  @Test
  void measuringChangesNoBitOfTheTraining() throws IOException {
    ActivationStore store = write("store", rows);
    TrainingConfigBuilder often = config().steps(1300).logEvery(100).checkpointEvery(0);
    try (Workers workers = Workers.of(2)) {
      for (long logEvery : new long[] {100, 1300}) {
        try (Trainer trainer =
            Trainer.start(
                store,
                often.logEvery(logEvery).build(),
                EngineFactory.vector(workers),
                "run",
                temp.resolve("every-" + logEvery))) {
          trainer.run(TrainingListener.NONE);
        }
      }
    }
    Path measured = temp.resolve("every-100");
    Path once = temp.resolve("every-1300");
    assertThat(measurements(measured)).isGreaterThan(3);
    assertThat(measurements(once)).isOne();
    assertThat(measured.resolve("dictionary.safetensors"))
        .hasSameBinaryContentAs(once.resolve("dictionary.safetensors"));
    double last =
        new ObjectMapper()
            .readTree(measured.resolve("run.json").toFile())
            .at("/result/heldOutFvu")
            .asDouble();
    assertThat(last)
        .isCloseTo(fvu(Dictionary.load(measured), store.heldOut(0.05, 5, 0)), within(2e-5));
  }

  private static long measurements(Path run) throws IOException {
    return Files.readString(run.resolve("metrics.jsonl"))
        .lines()
        .filter(line -> line.contains("\"heldOutFvu\":0"))
        .count();
  }

  @Test
  void measuresWhatTheRuleKeepsApart() throws IOException {
    ActivationStore store = write("store", rows);
    RunResult result = train(store, config().build(), "run");
    HeldOut heldOut = store.heldOut(0.05, 5, 0);
    assertThat(result.heldOutTokens()).isEqualTo(heldOut.tokens()).isBetween(1000L, 1031L);
    assertThat(result.heldOutFvu())
        .isCloseTo(fvu(Dictionary.load(temp.resolve("run")), heldOut), within(2e-5));
    assertThat(result.fvuSteps()).isEqualTo(8);
    String[] lines = Files.readString(temp.resolve("run/metrics.jsonl")).strip().split("\n");
    JsonNode last = new ObjectMapper().readTree(lines[lines.length - 1]);
    assertThat(last.get("heldOutFvu").asDouble()).isEqualTo(result.heldOutFvu());
    JsonNode rule =
        new ObjectMapper().readTree(temp.resolve("run/run.json").toFile()).at("/config/heldOut");
    assertThat(rule.get("share").asDouble()).isEqualTo(0.05);
    assertThat(rule.get("contexts").asLong()).isEqualTo(heldOut.contexts());
  }

  /** By the definition, in float64 and plain loops. */
  private double fvu(Dictionary dictionary, HeldOut heldOut) {
    DictionaryParameters p = dictionary.parameters();
    double[] mean = new double[WIDTH];
    int count = 0;
    for (int r = 0; r < ROWS; r++) {
      if (heldOut.holds(r)) {
        count++;
        for (int i = 0; i < WIDTH; i++) {
          mean[i] += rows[r][i];
        }
      }
    }
    double error = 0;
    double variance = 0;
    for (int r = 0; r < ROWS; r++) {
      if (!heldOut.holds(r)) {
        continue;
      }
      double[] codes = new double[64];
      for (int j = 0; j < codes.length; j++) {
        codes[j] = p.encoderBias().getAtIndex(FLOAT, j);
        for (int i = 0; i < WIDTH; i++) {
          double seen = rows[r][i] - p.decoderBias().getAtIndex(FLOAT, i);
          codes[j] += seen * p.encoder().getAtIndex(FLOAT, (long) j * WIDTH + i);
        }
      }
      double[] sorted = codes.clone();
      Arrays.sort(sorted);
      double least = Math.max(sorted[60], Double.MIN_NORMAL);
      for (int i = 0; i < WIDTH; i++) {
        double made = p.decoderBias().getAtIndex(FLOAT, i);
        for (int j = 0; j < codes.length; j++) {
          made +=
              codes[j] < least ? 0 : codes[j] * p.decoder().getAtIndex(FLOAT, (long) j * WIDTH + i);
        }
        error += (made - rows[r][i]) * (made - rows[r][i]);
        double away = rows[r][i] - mean[i] / count;
        variance += away * away;
      }
    }
    return error / variance;
  }

  @Test
  void nothingThatIsHeldOutChangesTheWeights() throws IOException {
    ActivationStore store = write("store", rows);
    HeldOut heldOut = store.heldOut(0.05, 5, 0);
    float[][] other = new float[ROWS][];
    Random random = new Random(3);
    for (int r = 0; r < ROWS; r++) {
      other[r] = rows[r].clone();
      for (int i = 0; heldOut.holds(r) && i < WIDTH; i++) {
        other[r][i] = (float) (100 * random.nextGaussian());
      }
    }
    ActivationStore changed = write("changed", other);
    for (boolean mapped : new boolean[] {false, true}) {
      TrainingConfigBuilder plain =
          mapped
              ? config().remedies(Remedies.NONE.whitened(1e-6).resampled(10, 30).deadAfter(500))
              : config().activation("jumprelu", 0.3, 10);
      train(store, plain.build(), "one" + mapped);
      RunResult result = train(changed, plain.build(), "two" + mapped);
      assertThat(Files.readAllBytes(temp.resolve("two" + mapped + "/dictionary.safetensors")))
          .isEqualTo(Files.readAllBytes(temp.resolve("one" + mapped + "/dictionary.safetensors")));
      assertThat(result.heldOutFvu()).isGreaterThan(0.3);
    }
  }

  @Test
  void cellsOfASweepKeepTheSameApart() throws IOException {
    ActivationStore store = write("store", rows);
    TrainingConfig config = config().build();
    // The sweep's cells and a run alone keep the same apart.
    Grid grid = Grid.parse(java.util.List.of("init=asi", "seed=5,6"));
    java.util.List<SweepCell> cells =
        grid.cells(() -> config().dataSeed(5).start(config.start()), 0.99, 0);
    SweepResult swept;
    try (Sweep sweep =
        Sweep.start(
            store,
            grid,
            cells,
            EngineFactory.reference(),
            "reference cpu",
            1L << 30,
            temp.resolve("sweep"))) {
      swept = sweep.run(new SweepListener() {});
    }
    long tokens = store.heldOut(0.05, 5, 0).tokens();
    assertThat(swept.groups()).hasSize(1);
    assertThat(swept.groups().getFirst().heldOutTokens()).isEqualTo(tokens);
    assertThat(swept.groups().getFirst().heldOutFvu().repeats()).isEqualTo(2);
    assertThat(swept.groups().getFirst().bestFvu())
        .isEqualTo(swept.groups().getFirst().heldOutFvu());
  }

  @Test
  void runsOfBeforeTheRuleGoOnAsTheyWere() throws IOException {
    ActivationStore store = write("store", rows);
    TrainingConfig before = config().heldOut(0).build();
    train(store, before, "whole");
    stopped(store, before, "old");
    Path file = temp.resolve("old/run.json");
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(file.toFile());
    ((ObjectNode) json.get("config")).remove("heldOut");
    Files.writeString(file, json.toString());
    assertThat(RunRows.of(temp.resolve("old"), store).why())
        .contains("before Sluice held out tokens");
    RunResult result = resume(store, "old");
    assertThat(result.heldOutFvu()).isNull();
    assertThat(Files.readAllBytes(temp.resolve("old/dictionary.safetensors")))
        .isEqualTo(Files.readAllBytes(temp.resolve("whole/dictionary.safetensors")));
  }

  @Test
  void resumedRunsKeepTheRule() throws IOException {
    ActivationStore store = write("store", rows);
    TrainingConfig config = config().heldOut(0.25).build();
    RunResult whole = train(store, config, "whole");
    stopped(store, config, "stopped");
    RunResult result = resume(store, "stopped");
    assertThat(result.heldOutFvu()).isEqualTo(whole.heldOutFvu());
    assertThat(result.heldOutTokens()).isGreaterThan(1200);
    assertThat(Files.readAllBytes(temp.resolve("stopped/dictionary.safetensors")))
        .isEqualTo(Files.readAllBytes(temp.resolve("whole/dictionary.safetensors")));

    stopped(store, config, "changed");
    Path file = temp.resolve("changed/run.json");
    ObjectNode json = (ObjectNode) new ObjectMapper().readTree(file.toFile());
    ((ObjectNode) json.at("/config/heldOut")).put("share", 0.1);
    Files.writeString(file, json.toString());
    assertThatThrownBy(() -> resume(store, "changed"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("run.json")
        .hasMessageContaining("are held out, but by its rule");
  }

  @Test
  void stoppedRunsLeaveACheckpointEvenIfTheyWriteNone() throws IOException {
    ActivationStore store = write("store", rows);
    TrainingConfig config = config().checkpointEvery(0).build();
    train(store, config, "whole");
    try (Trainer trainer =
        Trainer.start(store, config, EngineFactory.reference(), "run", temp.resolve("stopped"))) {
      assertThatThrownBy(
              () ->
                  trainer.run(
                      new TrainingListener() {
                        @Override
                        public boolean stops() {
                          return trainer.step() == 13;
                        }
                      }))
          .isInstanceOf(StoppedException.class)
          .hasMessageContaining("13 of 40 steps");
    }
    assertThat(temp.resolve("stopped/checkpoint-000000013.safetensors")).exists();
    resume(store, "stopped");
    assertThat(Files.readAllBytes(temp.resolve("stopped/dictionary.safetensors")))
        .isEqualTo(Files.readAllBytes(temp.resolve("whole/dictionary.safetensors")));
  }

  @Test
  void storesThatDoNotVarySaySo() throws IOException {
    float[][] same = new float[300][];
    Arrays.fill(same, rows[0]);
    ActivationStore constant = write("constant", same);
    assertThatThrownBy(() -> train(constant, config().build(), "constant-run"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("holds the same vector in all 300 rows");
    ActivationStore one = write("one-row", new float[][] {rows[0]});
    assertThatThrownBy(() -> train(one, config().build(), "one-run"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("only one token is selected");
  }

  private void stopped(ActivationStore store, TrainingConfig config, String run)
      throws IOException {
    try (Trainer trainer =
        Trainer.start(store, config, EngineFactory.reference(), "run", temp.resolve(run))) {
      trainer.run(new FailingAt(25));
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("stopped");
    }
  }

  private RunResult resume(ActivationStore store, String run) throws IOException {
    try (Trainer trainer = Trainer.resume(store, EngineFactory.reference(), temp.resolve(run))) {
      return trainer.run(TrainingListener.NONE);
    }
  }

  @Test
  void aLibraryRunHasTheDeadWindowOfTheCommandLine() {
    assertThat(
            TrainingConfig.of("h")
                .features(64)
                .k(4)
                .batch(64)
                .steps(40)
                .build()
                .schedule()
                .deadWindow())
        .isEqualTo(640);
    assertThat(
            TrainingConfig.of("h")
                .features(64)
                .k(4)
                .steps(1_000_000)
                .build()
                .schedule()
                .deadWindow())
        .isEqualTo(10_000_000);
  }
}
