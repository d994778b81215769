package io.sluice.features.compare;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.dictionary.matching.Matches;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Which features fire on which tokens: 4 bytes for each code.
 *
 * @param features number of features
 * @param offsets {@code [tokens + 1]}: where each token's features begin
 * @param fired the features, token after token
 * @param counts {@code [features]}: on how many tokens each fires
 */
record Firings(int features, int[] offsets, int[] fired, int[] counts) {
  private static final int BATCH = 1024;

  /**
   * Reads the first tokens of a store.
   *
   * @param tokens how many at most
   * @throws IllegalArgumentException if the store has no row that is selected
   */
  static Firings of(
      Dictionary dictionary,
      ActivationStore store,
      int tokens,
      EngineFactory engines,
      LongConsumer progress)
      throws IOException {
    List<SiteScaling> read = raw(dictionary.config().inputs());
    BatchPlan plan =
        BatchPlan.sequential(SiteFeed.columns(read, read), BATCH)
            .where(RowFilter.fromPosition(store.firstPosition()));
    SiteFeed feed = new SiteFeed(store, plan, read, read);
    int wanted = (int) Math.min(tokens, feed.rows());
    int[] offsets = new int[wanted + 1];
    int[] fired = new int[1 << 16];
    int[] counts = new int[dictionary.config().features()];
    int entries = 0;
    int done = 0;
    try (Engine engine = dictionary.open(engines)) {
      while (done < wanted) {
        engine.encode(feed.next().input(), dictionary.config().activation());
        Codes codes = engine.codes();
        int take = Math.min(codes.rows(), wanted - done);
        for (int row = 0; row < take; row++) {
          for (int at = codes.offset(row); at < codes.offset(row + 1); at++) {
            if (entries == fired.length) {
              fired = Arrays.copyOf(fired, Math.multiplyExact(entries, 2));
            }
            fired[entries++] = codes.feature(at);
            counts[codes.feature(at)]++;
          }
          offsets[++done] = entries;
        }
        progress.accept(done);
      }
    }
    return new Firings(counts.length, offsets, Arrays.copyOf(fired, entries), counts);
  }

  private static List<SiteScaling> raw(List<Site> sites) {
    return sites.stream().map(site -> SiteScaling.none(site.hook())).toList();
  }

  int tokens() {
    return offsets.length - 1;
  }

  /**
   * The features of {@code others} that fire on the same tokens, by the Jaccard index: tokens on
   * which both fire over tokens on which one of them does. Exact: every feature that ever fires
   * together with one is looked at.
   *
   * @param most how many are kept of each
   */
  Matches jaccard(Firings others, int most) {
    int kept = Math.min(most, others.features);
    Matches found = Matches.empty(features, others.features, kept);
    int[] starts = new int[features + 1];
    for (int feature = 0; feature < features; feature++) {
      starts[feature + 1] = starts[feature] + counts[feature];
    }
    int[] tokensOf = new int[fired.length];
    int[] next = Arrays.copyOf(starts, features);
    for (int token = 0; token < tokens(); token++) {
      for (int at = offsets[token]; at < offsets[token + 1]; at++) {
        tokensOf[next[fired[at]]++] = token;
      }
    }
    int[] together = new int[others.features];
    int[] seen = new int[others.features];
    for (int feature = 0; feature < features; feature++) {
      int count = 0;
      for (int at = starts[feature]; at < starts[feature + 1]; at++) {
        int token = tokensOf[at];
        for (int in = others.offsets[token]; in < others.offsets[token + 1]; in++) {
          int other = others.fired[in];
          if (together[other]++ == 0) {
            seen[count++] = other;
          }
        }
      }
      for (int i = 0; i < count; i++) {
        int other = seen[i];
        int both = together[other];
        together[other] = 0;
        offer(
            found, feature, other, (float) both / (counts[feature] + others.counts[other] - both));
      }
    }
    return found;
  }

  /** Keeps a candidate if there is room, or if it is above the least that is kept. */
  private static void offer(Matches found, int row, int other, float score) {
    int start = row * found.most();
    int count = found.counts()[row];
    int at = start + count;
    if (count < found.most()) {
      found.counts()[row]++;
    } else {
      at = start;
      for (int i = start; i < start + count; i++) {
        if (found.scores()[i] < found.scores()[at]) {
          at = i;
        }
      }
      if (found.scores()[at] >= score) {
        return;
      }
    }
    found.candidates()[at] = other;
    found.scores()[at] = score;
  }
}
