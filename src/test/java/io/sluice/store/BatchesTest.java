package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Order and content of batches. */
class BatchesTest {
  private static final int ROWS = 61;
  private static final List<String> COLUMNS =
      List.of(StoreSamples.BF16, StoreSamples.F32, Column.TOKEN_ID, StoreSamples.F16);

  @TempDir Path folder;
  private ActivationStore store;

  @BeforeEach
  void openStore() throws IOException {
    StoreSamples.write(folder, ROWS);
    store = ActivationStore.open(folder, reading());
    assertThat(store.reading()).isEqualTo(reading());
  }

  /** How the store is read. */
  Reading reading() {
    return Reading.MAPPED;
  }

  @Test
  void everyEpochHoldsEveryRowOnceInAnotherOrder() throws IOException {
    Batches batches = store.batches(List.of(StoreSamples.F32), 8, 42);
    List<Long> order = rowNumbers(batches, 61); // 8 epochs of 61 rows
    List<List<Long>> epochs = new ArrayList<>();
    for (int epoch = 0; epoch < 8; epoch++) {
      List<Long> rows = order.subList(epoch * ROWS, (epoch + 1) * ROWS);
      assertThat(new TreeSet<>(rows)).hasSize(ROWS).allMatch(r -> r >= 0 && r < ROWS);
      epochs.add(rows);
    }
    assertThat(epochs).doesNotHaveDuplicates();
  }

  @Test
  void orderFollowsFromSeed() throws IOException {
    List<Long> once = rowNumbers(store.batches(List.of(StoreSamples.F32), 8, 7), 20);
    List<Long> again = rowNumbers(store.batches(List.of(StoreSamples.F32), 8, 7), 20);
    List<Long> other = rowNumbers(store.batches(List.of(StoreSamples.F32), 8, 8), 20);
    assertThat(again).isEqualTo(once);
    assertThat(other).isNotEqualTo(once);
  }

  @Test
  void aHookPointIsFoundByItsOtherNames() throws IOException {
    Batch known = store.batches(List.of(StoreSamples.BF16), 8, 42).next();
    for (String name :
        List.of(
            "blocks.1.hook_resid_post",
            "layers.2.resid_in",
            "blocks.2.hook_resid_pre",
            "model.layers.1")) {
      assertThat(store.column(name).name()).isEqualTo(StoreSamples.BF16);
      Batch batch = store.batches(List.of(StoreSamples.F32, name), 8, 42).next();
      assertThat(batch.data(name).mismatch(known.data(0))).isEqualTo(-1);
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.column("blocks.1.hook_resid_mid"))
        .withMessageContaining(StoreSamples.BF16);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.column("blocks.1.ln1.hook_normalized"))
        .withMessageContaining("attn_in");
  }

  @Test
  void goesToAnyStep() throws IOException {
    List<Long> whole = rowNumbers(store.batches(List.of(StoreSamples.F32), 8, 7), 40);
    Batches batches = store.batches(List.of(StoreSamples.F32), 8, 7);
    for (int step : new int[] {31, 3, 0, 39, 7, 8}) {
      batches.seek(step);
      assertThat(rowNumbers(batches, 1)).isEqualTo(whole.subList(step * 8, step * 8 + 8));
      assertThat(batches.step()).isEqualTo(step + 1);
    }
    assertThatIllegalArgumentException().isThrownBy(() -> batches.seek(-1));
    batches.seek(Long.MAX_VALUE / 8 - 1);
    assertThat(rowNumbers(batches, 1)).hasSize(8);
  }

  @Test
  void columnsOfABatchComeFromTheSameRows() throws IOException {
    for (boolean widen : new boolean[] {false, true}) {
      BatchPlan plan = BatchPlan.shuffled(COLUMNS, 9, 3);
      Batches batches = store.batches(widen ? plan.widened() : plan);
      for (int step = 0; step < 20; step++) {
        check(batches.next());
      }
    }
  }

  @Tag("slow")
  @Test
  void largeBatchesGatheredByManyThreadsAreTheSame() throws IOException {
    int size = 100_003; // more than the 4 MiB from which on a batch is shared out
    for (boolean widen : new boolean[] {false, true}) {
      BatchPlan plan = BatchPlan.shuffled(List.of(StoreSamples.BF16), size, 3);
      Batch batch = store.batches(widen ? plan.widened() : plan).next();
      Column column = batch.columns().get(0);
      long wrong = 0;
      for (int i = 0; i < size; i++) {
        for (int e = 0; e < column.width(); e++) {
          float value = Elements.get(batch.data(0), column.dtype(), (long) i * column.width() + e);
          wrong += value == StoreSamples.value(batch.rowNumber(i), 2, e) ? 0 : 1;
        }
      }
      assertThat(wrong).isZero();
    }
  }

  @Test
  void memoryIsReusedAndAligned() throws IOException {
    Batches batches = store.batches(COLUMNS, 9, 3);
    long address = batches.next().data(0).address();
    assertThat(address % 64).isZero();
    assertThat(batches.next().data(0).address()).isEqualTo(address);
  }

  @Test
  void sequentialPassGivesEveryRowInOrder() throws IOException {
    Batches batches = store.batches(BatchPlan.sequential(COLUMNS, 8).widened());
    long row = 0;
    while (batches.hasNext()) {
      Batch batch = batches.next();
      check(batch);
      for (int i = 0; i < batch.rows(); i++) {
        assertThat(batch.rowNumber(i)).isEqualTo(row++);
      }
    }
    assertThat(row).isEqualTo(ROWS);
  }

  @Test
  void filterLeavesRowsOut() throws IOException {
    RowFilter filter = RowFilter.fromPosition(1).and(RowFilter.range(10, 50));
    Batches sequential =
        store.batches(BatchPlan.sequential(List.of(StoreSamples.F32), 6).where(filter));
    long[] expected = LongStream.range(10, 50).filter(r -> StoreSamples.position(r) >= 1).toArray();
    assertThat(sequential.rows()).isEqualTo(expected.length);
    List<Long> rows = new ArrayList<>();
    while (sequential.hasNext()) {
      rows.addAll(rowNumbers(sequential, 1));
    }
    assertThat(rows).containsExactly(LongStream.of(expected).boxed().toArray(Long[]::new));
    Batches shuffled =
        store.batches(BatchPlan.shuffled(List.of(StoreSamples.F32), 8, 1).where(filter));
    List<Long> epoch = rowNumbers(shuffled, expected.length / 8);
    assertThat(epoch).containsExactlyInAnyOrderElementsOf(rows);
  }

  @Test
  void permutationsOfFewElementsAreAllDrawnAboutEquallyOften() {
    Permutation permutation = new Permutation(4);
    Map<List<Long>, Integer> seen = new HashMap<>();
    int draws = 24_000;
    for (int epoch = 0; epoch < draws; epoch++) {
      permutation.key(5, epoch);
      List<Long> order = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        order.add(permutation.at(i));
      }
      seen.merge(order, 1, Integer::sum);
    }
    assertThat(seen).hasSize(24);
    assertThat(seen.values()).allMatch(n -> n > 800 && n < 1200, "within a fifth of 1000");
  }

  @Test
  void permutationIsOneToOneForEverySize() {
    for (int size = 1; size < 300; size++) {
      Permutation permutation = new Permutation(size);
      permutation.key(size, 9);
      boolean[] hit = new boolean[size];
      for (int i = 0; i < size; i++) {
        int to = (int) permutation.at(i);
        assertThat(hit[to]).isFalse();
        hit[to] = true;
      }
    }
  }

  @Test
  void shuffleMovesRowsFarAndLeavesNoTrend() {
    int size = 100_003;
    Permutation permutation = new Permutation(size);
    permutation.key(1, 0);
    double near = 0;
    double dot = 0;
    for (int i = 0; i < size; i++) {
      long to = permutation.at(i);
      near += Math.abs(permutation.at((i + 1) % size) - to) < size / 100 ? 1 : 0;
      dot += (i / (double) size - 0.5) * (to / (double) size - 0.5);
    }
    assertThat(near / size).isBetween(0.018, 0.022); // two hundredths of pairs by chance
    assertThat(Math.abs(dot / size * 12)).isLessThan(0.02); // correlation
  }

  private void check(Batch batch) {
    for (int i = 0; i < batch.rows(); i++) {
      long row = batch.rowNumber(i);
      assertThat(batch.data(Column.TOKEN_ID).getAtIndex(ValueLayout.JAVA_INT, i))
          .isEqualTo(StoreSamples.tokenId(row));
      for (int c = 0; c < 3; c++) {
        String name = List.of(StoreSamples.F32, StoreSamples.F16, StoreSamples.BF16).get(c);
        Column column =
            batch.columns().stream().filter(x -> x.name().equals(name)).findFirst().orElseThrow();
        for (int e = 0; e < column.width(); e++) {
          assertThat(Elements.get(batch.data(name), column.dtype(), (long) i * column.width() + e))
              .isEqualTo(StoreSamples.value(row, c, e));
        }
      }
    }
  }

  private static List<Long> rowNumbers(Batches batches, int steps) throws IOException {
    List<Long> rows = new ArrayList<>();
    for (int step = 0; step < steps; step++) {
      Batch batch = batches.next();
      for (int i = 0; i < batch.rows(); i++) {
        rows.add(batch.rowNumber(i));
      }
    }
    return rows;
  }
}
