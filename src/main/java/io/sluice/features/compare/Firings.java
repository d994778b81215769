package io.sluice.features.compare;

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
 * @param starts the first feature of each layer, and the end of the last
 * @param offsets {@code [tokens + 1]}: where each token's features begin
 * @param fired the features, token after token
 * @param counts {@code [features]}: on how many tokens each fires
 */
record Firings(int[] starts, int[] offsets, int[] fired, int[] counts) {
  private static final int BATCH = 1024;

  /**
   * Reads the first tokens of a store.
   *
   * @param tokens how many at most
   * @throws IllegalArgumentException if the store has no row that is selected
   */
  static Firings of(
      ComparedDictionary dictionary,
      ActivationStore store,
      int tokens,
      EngineFactory engines,
      LongConsumer progress)
      throws IOException {
    List<SiteScaling> read = SiteScaling.none(dictionary.inputs());
    BatchPlan plan =
        BatchPlan.sequential(SiteFeed.columns(read, read), BATCH)
            .where(RowFilter.fromPosition(store.firstPosition()));
    SiteFeed feed = new SiteFeed(store, plan, read, read);
    int wanted = (int) Math.min(tokens, feed.rows());
    int[] offsets = new int[wanted + 1];
    int[] fired = new int[1 << 16];
    int[] counts = new int[dictionary.features()];
    int entries = 0;
    int done = 0;
    try (Engine engine = dictionary.open(engines)) {
      while (done < wanted) {
        engine.encode(feed.next().input(), dictionary.activation());
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
    return new Firings(dictionary.starts(), offsets, Arrays.copyOf(fired, entries), counts);
  }

  int tokens() {
    return offsets.length - 1;
  }

  int features() {
    return counts.length;
  }

  /**
   * The features of {@code others} in the same layer that fire on the same tokens, by the Jaccard
   * index: tokens on which both fire over tokens on which one of them does. Exact: every feature
   * that ever fires together with one is looked at.
   *
   * @param most how many are kept of each
   */
  Matches jaccard(Firings others, int most) {
    Matches found = Matches.empty(features(), others.features(), Math.min(most, others.features()));
    int[] first = new int[features() + 1];
    for (int feature = 0; feature < features(); feature++) {
      first[feature + 1] = first[feature] + counts[feature];
    }
    int[] tokensOf = tokensByFeature(first);
    int[] together = new int[others.features()];
    int[] seen = new int[others.features()];
    for (int layer = 0; layer + 1 < starts.length; layer++) {
      int from = others.starts[layer];
      int to = others.starts[layer + 1];
      for (int feature = starts[layer]; feature < starts[layer + 1]; feature++) {
        int count = 0;
        for (int at = first[feature]; at < first[feature + 1]; at++) {
          int token = tokensOf[at];
          for (int in = others.offsets[token]; in < others.offsets[token + 1]; in++) {
            int other = others.fired[in];
            if (other >= from && other < to && together[other]++ == 0) {
              seen[count++] = other;
            }
          }
        }
        for (int i = 0; i < count; i++) {
          int other = seen[i];
          int both = together[other];
          together[other] = 0;
          found.offer(
              feature, other, (float) both / (counts[feature] + others.counts[other] - both));
        }
      }
    }
    return found;
  }

  /** The tokens on which each feature fires, feature after feature. */
  private int[] tokensByFeature(int[] first) {
    int[] tokensOf = new int[fired.length];
    int[] next = Arrays.copyOf(first, features());
    for (int token = 0; token < tokens(); token++) {
      for (int at = offsets[token]; at < offsets[token + 1]; at++) {
        tokensOf[next[fired[at]]++] = token;
      }
    }
    return tokensOf;
  }
}
