package io.sluice.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeldOutTest {
  /** Contexts of these lengths in turn, two to a document. */
  private static final int[] LENGTHS = {64, 64, 17, 64, 1, 40};

  @TempDir private Path temp;

  /** The contexts of a store, as they were written. */
  private record Written(ActivationStore store, List<Integer> starts, List<Integer> lengths) {}

  private static Written write(Path folder, int contexts, int firstStored) throws IOException {
    List<Integer> starts = new ArrayList<>();
    List<Integer> lengths = new ArrayList<>();
    List<int[]> rows = new ArrayList<>();
    for (int c = 0; c < contexts; c++) {
      starts.add(rows.size());
      lengths.add(LENGTHS[c % LENGTHS.length]);
      for (int i = 0; i < lengths.getLast(); i++) {
        rows.add(new int[] {firstStored + i, c / 2});
      }
    }
    StoreSpec spec =
        StoreSpec.of("m", "t", List.of(new Column("h", 1, DType.F32))).withRowsPerShard(777);
    try (Arena arena = Arena.ofConfined();
        StoreWriter writer = StoreWriter.create(folder, spec)) {
      MemorySegment memory = arena.allocate(4L * rows.size(), 64);
      writer.append(
          new int[rows.size()],
          rows.stream().mapToInt(row -> row[0]).toArray(),
          rows.stream().mapToInt(row -> row[1]).toArray(),
          DType.F32,
          memory);
      writer.finish();
    }
    return new Written(ActivationStore.open(folder), starts, lengths);
  }

  @Test
  void keysAreTheseForEver() {
    // A run that is resumed, and an evaluation years later, must find the same contexts.
    assertThat(IntStream.range(0, 4).mapToObj(c -> HeldOut.key(0, c)))
        .containsExactly(
            -2152535657050944081L, 7960286522194355700L, 487617019471545679L, -537132696929009172L);
    assertThat(IntStream.range(0, 4).mapToObj(c -> HeldOut.key(7, c)))
        .containsExactly(
            -8774268681488515761L,
            5573481420429128725L,
            -1088427420777695408L,
            -2154039811576856741L);
  }

  @Tag("slow")
  @Test
  void holdsOutTheContextsWithTheSmallestKeys() throws IOException {
    Random random = new Random(Seeds.seed());
    long seed = random.nextLong();
    for (int first : new int[] {0, 1}) {
      Written written = write(temp.resolve("store" + first), 900, first);
      HeldOut heldOut = written.store.heldOut(0.1, seed, 1);
      // Plainly: sort the contexts by key, take them until there is enough.
      int[] counted = new int[900];
      int all = 0;
      for (int c = 0; c < counted.length; c++) {
        counted[c] = written.lengths.get(c) - (first == 0 ? 1 : 0);
        all += counted[c];
      }
      List<Integer> order =
          IntStream.range(0, 900)
              .boxed()
              .sorted(Comparator.comparingLong(c -> HeldOut.key(seed, c)))
              .toList();
      BitSet held = new BitSet();
      int tokens = 0;
      for (int i = 0; tokens < Math.max(1000, Math.ceil(0.1 * all)); i++) {
        tokens += counted[order.get(i)];
        held.set(order.get(i));
      }
      assertThat(heldOut.tokens()).isEqualTo(tokens);
      assertThat(heldOut.contexts()).isEqualTo(held.cardinality());
      for (int c = 0; c < 900; c++) {
        for (int i = 0; i < written.lengths.get(c); i++) {
          assertThat(heldOut.holds(written.starts.get(c) + i)).isEqualTo(held.get(c));
        }
      }
      long trained = written.store.batches(plan(heldOut.trained())).rows();
      long unseen = written.store.batches(plan(heldOut.heldOut())).rows();
      assertThat(unseen).isEqualTo(tokens);
      assertThat(trained + unseen).isEqualTo(all);
    }
  }

  private static BatchPlan plan(RowFilter filter) {
    return BatchPlan.sequential(List.of("h"), 100).where(filter);
  }

  @Test
  void contextsAreThoseThatSequencesAreReadBy() throws IOException {
    Written written = write(temp.resolve("store"), 300, 0);
    Contexts contexts = Contexts.of(written.store);
    HeldOut heldOut = written.store.heldOut(0.2, 3, 0);
    Contexts unseen = contexts.where(heldOut::holds);
    Contexts trained = contexts.where(row -> !heldOut.holds(row));
    assertThat(unseen.count()).isEqualTo((int) heldOut.contexts());
    assertThat(unseen.rows()).isEqualTo(heldOut.tokens());
    assertThat(trained.rows() + unseen.rows()).isEqualTo(written.store.rows());
    assertThat(trained.count() + unseen.count()).isEqualTo(300);
  }

  @Test
  void takesAtLeastAThousandTokens() throws IOException {
    ActivationStore store = write(temp.resolve("store"), 100, 0).store;
    assertThat(store.rows()).isBetween(4000L, 5000L);
    assertThat(store.heldOut(0.001, 1, 0).tokens()).isBetween(1000L, 1063L);
    assertThat(store.heldOut(0.05, 1, 0).tokens()).isBetween(1000L, 1063L);
    assertThat(store.heldOut(0.5, 1, 0).tokens()).isLessThanOrEqualTo(store.rows() / 2 + 64);
  }

  @Test
  void smallStoresSayThatNothingIsHeldOut() throws IOException {
    ActivationStore store = write(temp.resolve("store"), 40, 0).store;
    assertThat(store.rows()).isLessThan(2000);
    HeldOut heldOut = store.heldOut(0.05, 1, 0);
    assertThat(heldOut.isEmpty()).isTrue();
    assertThat(heldOut.tokens()).isZero();
    assertThat(heldOut.sentence())
        .isEqualTo(
            String.format(
                "nothing is held out: of %,d tokens in whole contexts, at least 1,000 cannot be kept"
                    + " apart with as many left to train on",
                store.rows()));
    assertThat(heldOut.trained()).isSameAs(RowFilter.ALL);
    assertThat(store.heldOut(0, 1, 0).sentence()).contains("as requested");
    assertThatThrownBy(() -> store.heldOut(0.6, 1, 0)).hasMessageContaining("0.6");
    assertThatThrownBy(() -> store.heldOut(Double.NaN, 1, 0)).hasMessageContaining("NaN");
  }
}
