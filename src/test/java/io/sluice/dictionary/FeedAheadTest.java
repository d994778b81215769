package io.sluice.dictionary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.training.SyntheticStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeedAheadTest {
  @TempDir private Path temp;

  private static SiteFeed feed(ActivationStore store, int batch) {
    List<SiteScaling> site = List.of(new SiteScaling(SyntheticStore.HOOK, 0.5, List.of()));
    return new SiteFeed(
        store, BatchPlan.shuffled(List.of(SyntheticStore.HOOK), batch, 7), site, site);
  }

  @Test
  void givesTheBatchesOfTheFeedFromAnyStep() throws IOException {
    // Batches of 40 of 300 rows: some hold the end of an epoch and the start of the next.
    ActivationStore store = SyntheticStore.write(temp.resolve("s"), 300, DType.F32, 1);
    for (long first : new long[] {0, 1, 6}) {
      SiteFeed plain = feed(store, 40);
      plain.seek(first);
      try (FeedAhead ahead =
          new FeedAhead(feed(store, 40), feed(store, 40), first, 20, pair -> {})) {
        for (long step = first; step < 20; step++) {
          SiteFeed.Pair expected = plain.next();
          SiteFeed.Pair found = ahead.next();
          assertThat(found.target()).isSameAs(found.input());
          assertThat(found.input().scale()).isEqualTo(expected.input().scale());
          assertThat(found.input().count()).isEqualTo(40);
          assertThat(found.input().memory().mismatch(expected.input().memory()))
              .as("step %d", step)
              .isEqualTo(-1);
        }
        assertThatThrownBy(ahead::next)
            .isInstanceOf(NoSuchElementException.class)
            .hasMessageContaining("step 20");
      }
    }
  }

  @Test
  void readsOneBatchAheadAndNoMore() throws Exception {
    AtomicLong latest = new AtomicLong(-1);
    CountDownLatch second = new CountDownLatch(1);
    FeedAhead.Source source =
        step -> {
          latest.set(step);
          if (step == 1) {
            second.countDown();
          }
          return new SiteFeed.Pair(null, null);
        };
    try (FeedAhead ahead = new FeedAhead(source, source, 0, 10, pair -> {})) {
      ahead.next();
      // Nobody has asked for the second batch.
      assertThat(second.await(60, TimeUnit.SECONDS)).isTrue();
    }
    // The third would overwrite the memory of the first, which was still in use.
    assertThat(latest).hasValue(1);
  }

  @Test
  void batchesTakeTurnsInTheirMemory() throws IOException {
    FeedAhead.Source even = step -> checked(step, 0);
    FeedAhead.Source odd = step -> checked(step, 1);
    try (FeedAhead ahead = new FeedAhead(even, odd, 3, 9, pair -> {})) {
      for (int i = 3; i < 9; i++) {
        ahead.next();
      }
    }
  }

  private static SiteFeed.Pair checked(long step, int turn) throws IOException {
    if (step % 2 != turn) {
      throw new IOException("step " + step + " was read into the memory of turn " + turn);
    }
    return new SiteFeed.Pair(null, null);
  }

  @Test
  void badBatchIsAnErrorWhenItIsAskedFor() throws IOException {
    FeedAhead.Source source =
        step -> {
          if (step == 2) {
            throw new IOException("row 17 is NaN");
          }
          return new SiteFeed.Pair(null, null);
        };
    try (FeedAhead ahead = new FeedAhead(source, source, 0, 10, pair -> {})) {
      ahead.next();
      ahead.next();
      assertThatThrownBy(ahead::next).isInstanceOf(IOException.class).hasMessage("row 17 is NaN");
    }
    // Nobody asks for it here.
    try (FeedAhead ahead = new FeedAhead(source, source, 0, 10, pair -> {})) {
      ahead.next();
      ahead.next();
    }
  }

  @Test
  void eachBatchIsHandedOnByTheThreadThatReadIt() throws IOException {
    List<Object> handed = new ArrayList<>();
    List<Object> read = new ArrayList<>();
    FeedAhead.Source source = step -> new SiteFeed.Pair(null, null);
    try (FeedAhead ahead =
        new FeedAhead(
            source,
            source,
            0,
            5,
            pair -> {
              handed.add(pair);
              assertThat(Thread.currentThread().getName()).isEqualTo("reading ahead");
            })) {
      for (int step = 0; step < 5; step++) {
        read.add(ahead.next());
      }
    }
    assertThat(handed).hasSize(5);
    for (int step = 0; step < 5; step++) {
      assertThat(handed.get(step)).isSameAs(read.get(step));
    }
    try (FeedAhead ahead =
        new FeedAhead(
            source,
            source,
            0,
            5,
            pair -> {
              throw new IllegalStateException("no room");
            })) {
      assertThatThrownBy(ahead::next)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("no room");
    }
  }

  @Test
  void interruptIsPassedOn() throws IOException {
    FeedAhead.Source source = step -> new SiteFeed.Pair(null, null);
    try (FeedAhead ahead = new FeedAhead(source, source, 0, 4, pair -> {})) {
      Thread.currentThread().interrupt();
      assertThat(ahead.next()).isNotNull();
      assertThat(Thread.currentThread().isInterrupted()).isTrue();
      ahead.next();
    }
    assertThat(Thread.interrupted()).isTrue();
  }
}
