package io.sluice.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.FiringPart;
import io.sluice.evaluation.measures.PositionMeasures;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Blocks of a store that are measured in several passes, beside the evaluation of all of it. */
class EvaluationPlanTest {
  private static final List<Site> SITES =
      List.of(new Site("layers.0.resid", 6), new Site("layers.1.resid", 5));
  private static final int WIDTH = 11;
  private static final int FEATURES = 150;
  private static final int ROWS = 4000;
  private static final int BATCH = 3;

  /** Of firings that are joined; the last part has fewer. */
  private static final int PART = 64;

  private final Random random = new Random(Seeds.seed());
  private final EngineFactory engines = EngineFactory.vector(Workers.of(1));

  @TempDir private Path temp;
  private ActivationStore store;

  /** Contexts of up to several blocks, some of which a document ends early. */
  @BeforeEach
  void writeStore() throws IOException {
    int[] positions = new int[ROWS];
    int[] documents = new int[ROWS];
    int left = 0;
    for (int row = 0; row < ROWS; row++) {
      boolean begins = left-- == 0;
      if (begins) {
        left = random.nextInt(random.nextBoolean() ? 20 : 700);
      }
      positions[row] = begins ? 0 : positions[row - 1] + 1;
      documents[row] = row == 0 ? 0 : documents[row - 1] + (begins ? random.nextInt(2) : 0);
    }
    List<Column> columns =
        SITES.stream().map(site -> new Column(site.hook(), site.width(), DType.F32)).toList();
    StoreSpec spec = StoreSpec.of("m", "t", columns).withRowsPerShard(170);
    try (StoreWriter writer = StoreWriter.create(temp.resolve("store"), spec)) {
      writer.append(
          new int[ROWS], positions, documents, DType.F32, drawn(ROWS * 6), drawn(ROWS * 5));
      writer.finish();
    }
    store = ActivationStore.open(temp.resolve("store"));
  }

  private MemorySegment drawn(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (0.3 + random.nextGaussian());
    }
    return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }

  /** A crosscoder whose codes depend on the whole batch. */
  private Dictionary dictionary() {
    String names = Site.names(SITES);
    DictionaryConfig config =
        new DictionaryConfig(
                "m", names, names, WIDTH, WIDTH, FEATURES, new BatchTopK(4), false, false)
            .withSites(SITES);
    return new Dictionary(
        config,
        new DictionaryParameters(
            WIDTH,
            WIDTH,
            FEATURES,
            drawn(FEATURES * WIDTH),
            drawn(FEATURES),
            drawn(FEATURES * WIDTH),
            drawn(WIDTH)));
  }

  @Test
  void severalPassesGiveTheSameBits() throws IOException {
    RowFilter filter =
        RowFilter.fromPosition(2).and(RowFilter.rows(row -> row < 1500 || row > 1700));
    EvaluationPlan plan =
        new EvaluationPlan(EvaluatedDictionary.of(dictionary()), store, filter, BATCH, 500);
    Evaluation expected = Evaluator.evaluate(plan, engines, done -> {});
    double[] mean = StoreMean.of(store, SITES, filter);
    int blocks = plan.blocks();
    assertThat(blocks).isGreaterThan(10);
    for (int trial = 0; trial < 10; trial++) {
      SumPart[] sums = new SumPart[blocks];
      List<FiringPart> firings = new ArrayList<>();
      try (EvaluationPass pass = plan.open(engines)) {
        for (int from = 0; from < blocks; ) {
          int to = trial == 0 ? from + 1 : Math.min(blocks, from + 1 + random.nextInt(6));
          FeatureCounts counts =
              pass.run(from, to, mean, (block, part) -> sums[block] = part, done -> {});
          List<FiringPart> parts = counts.parts(PART);
          for (int i = 0; i < parts.size(); i++) {
            if (from == 0) {
              firings.add(parts.get(i));
            } else {
              firings.set(i, firings.get(i).then(parts.get(i)));
            }
          }
          from = to;
        }
      }
      SumPart all = sums[0];
      for (int block = 1; block < blocks; block++) {
        List<SumPart> cut = new ArrayList<>();
        List<SumPart> before = all.parts(100);
        List<SumPart> next = sums[block].parts(100);
        for (int i = 0; i < Math.max(before.size(), next.size()); i++) {
          cut.add(
              i >= before.size()
                  ? next.get(i)
                  : i >= next.size() ? before.get(i) : before.get(i).then(next.get(i)));
        }
        all = SumPart.joined(cut);
      }
      requireSame(plan.result(all, firings), expected);
    }
  }

  private static void requireSame(Evaluation actual, Evaluation expected) {
    assertThat(Evaluator.json(actual)).isEqualTo(Evaluator.json(expected));
    List<PositionMeasures.Column> columns = expected.positions().columns();
    for (int i = 0; i < columns.size(); i++) {
      PositionMeasures.Column column = actual.positions().columns().get(i);
      assertThat(column.name()).isEqualTo(columns.get(i).name());
      assertThat(Arrays.equals(column.values(), columns.get(i).values()))
          .as(column.name())
          .isTrue();
    }
    assertThat(actual.features().fired()).isEqualTo(expected.features().fired());
    for (int feature = 0; feature < FEATURES; feature++) {
      assertThat(actual.features().contexts(feature))
          .isEqualTo(expected.features().contexts(feature));
    }
  }
}
