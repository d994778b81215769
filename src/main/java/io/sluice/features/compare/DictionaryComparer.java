package io.sluice.features.compare;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.matching.Matches;
import io.sluice.engine.EngineFactory;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.StoreCovariance;
import io.sluice.geometry.Subspace;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Compares two dictionaries. Never holds a matrix of all pairs: memory is a tile of one decoder (at
 * most 640 MiB), some candidates of each feature (at most 128 MB for each side and similarity), 8
 * bytes for each code on the store, and some matrices of width × width. With the weights, which are
 * mapped, that is all that grows with the number of features.
 */
public final class DictionaryComparer {
  private static final double[] COSINES = {0.5, 0.7, 0.9, 0.95};
  private static final double TAU = 0.99;

  /** Candidates of all features together. */
  private static final int ENTRIES = 1 << 24;

  private static final int FEWEST = 16;
  private static final int MOST = 128;

  /** Rows over several hook points are only decomposed up to this width: it takes width³. */
  private static final int WIDEST_SITES = 2048;

  private final ComparedDictionary a;
  private final ComparedDictionary b;
  private Found found;

  /** What the last comparison found by cosine. */
  private record Found(Matches fromA, Matches fromB, Assignment pairs) {}

  /** Compares dictionaries of one layer. */
  public DictionaryComparer(Dictionary a, Dictionary b) {
    this(ComparedDictionary.of(a), ComparedDictionary.of(b));
  }

  /**
   * Compares dictionaries of one layer or cross-layer transcoders.
   *
   * @throws IllegalArgumentException if their decoder rows have no cosines; one line
   */
  public DictionaryComparer(ComparedDictionary a, ComparedDictionary b) {
    String refusal = a.refusal(b);
    if (refusal != null) {
      throw new IllegalArgumentException(
          refusal + "; compare dictionaries of the same hook points");
    }
    this.a = a;
    this.b = b;
  }

  /** Rows and tokens that {@link #compare} reports as progress, in all. */
  public long work(ActivationStore store, int tokens) {
    long rows = (long) a.features() + b.features();
    return rows + (store == null ? 0 : 2 * Math.min(tokens, store.rows()));
  }

  /**
   * Compares.
   *
   * @param store to compare on which tokens features fire; null to leave that out
   * @param tokens of the store, from its start, at most
   * @param progress called with the work done so far, of {@link #work}
   * @throws IllegalArgumentException if the store lacks a hook point that one of them reads
   * @throws IOException if the store cannot be read
   */
  public Comparison compare(
      ActivationStore store, int tokens, EngineFactory engines, LongConsumer progress)
      throws IOException {
    Matches fromA = LayerCosines.of(a, b, candidates(a.features()), progress);
    Matches fromB =
        LayerCosines.of(
            b, a, candidates(b.features()), done -> progress.accept(a.features() + done));
    int smaller = Math.min(a.features(), b.features());
    Assignment pairs = Assignment.of(fromA);
    found = new Found(fromA, fromB, pairs);
    List<Comparison.Share> shares = new ArrayList<>();
    for (double cosine : COSINES) {
      shares.add(
          new Comparison.Share(
              cosine,
              fromA.shareFrom(cosine),
              fromB.shareFrom(cosine),
              pairs.shareFrom(cosine, smaller)));
    }
    Subspace active = store == null ? null : active(store);
    UnstableSpace unstableA = space(a, fromA, false);
    UnstableSpace unstableB = space(b, fromB, false);
    long before = (long) a.features() + b.features();
    return new Comparison(
        a.features(),
        b.features(),
        fromA.meanBest(),
        fromB.meanBest(),
        shares,
        oneToOne(pairs, smaller),
        unstable(fromA, unstableA, unstableB, space(a, fromA, true), active),
        unstable(fromB, unstableB, unstableA, space(b, fromB, true), active),
        store == null
            ? null
            : coActivation(
                store,
                tokens,
                engines,
                fromA,
                pairs,
                active == null ? null : Integer.valueOf(active.dimension()),
                done -> progress.accept(before + done)));
  }

  /**
   * Writes each feature's best matches of the last comparison into a file.
   *
   * @param ofA what identifies the first dictionary
   * @throws IOException if it cannot be written
   * @throws IllegalStateException if nothing was compared
   */
  public void writeMatches(Path file, MatchFile.Side ofA, MatchFile.Side ofB) throws IOException {
    if (found == null) {
      throw new IllegalStateException("nothing is compared");
    }
    MatchFile.write(file, ofA, ofB, found.fromA, found.fromB, found.pairs);
  }

  private static int candidates(int rows) {
    return Math.clamp(ENTRIES / Math.max(1, rows), FEWEST, MOST);
  }

  /** Null if there are no such rows, or they are too wide. */
  private static UnstableSpace space(ComparedDictionary rows, Matches matches, boolean stable) {
    return rows.outputs().size() > 1 && rows.width() > WIDEST_SITES
        ? null
        : UnstableSpace.of(rows, row -> matches.bestScore(row) >= Comparison.STABLE == stable);
  }

  /**
   * The active subspace of what the dictionaries write; null if that is several hook points, or one
   * that the store does not have.
   */
  private Subspace active(ActivationStore store) throws IOException {
    List<Site> outputs = a.outputs();
    if (outputs.size() > 1
        || store
            .hookPoint(outputs.getFirst().hook())
            .filter(column -> column.width() == outputs.getFirst().width())
            .isEmpty()) {
      return null;
    }
    Covariance covariance = StoreCovariance.of(store, outputs.getFirst().hook());
    int dimension = Spectrum.of(covariance).intrinsicDimension(TAU);
    return Subspace.topDirections(covariance, Math.max(1, dimension));
  }

  private static Comparison.Unstable unstable(
      Matches matches,
      UnstableSpace own,
      UnstableSpace other,
      UnstableSpace stable,
      Subspace active) {
    int count = 0;
    for (int row = 0; row < matches.rows(); row++) {
      count += matches.bestScore(row) >= Comparison.STABLE ? 0 : 1;
    }
    if (count == 0) {
      return null;
    }
    if (own == null) {
      return new Comparison.Unstable(count, null, null, null, null, null, null);
    }
    Subspace core = own.core();
    return new Comparison.Unstable(
        own.rows(),
        own.dimension(),
        own.participation(),
        other == null ? null : Double.valueOf(other.shareInside(core)),
        (double) core.dimension() / core.width(),
        active == null ? null : Double.valueOf(own.shareInside(active)),
        active == null || stable == null ? null : Double.valueOf(stable.shareInside(active)));
  }

  private static Comparison.OneToOne oneToOne(Assignment pairs, int of) {
    int count = 0;
    for (int partner : pairs.partner()) {
      count += partner < 0 ? 0 : 1;
    }
    int rows = Math.max(1, of);
    return new Comparison.OneToOne(
        count, pairs.total() / rows, Math.max(0, pairs.bound() - pairs.total()) / rows);
  }

  private Comparison.CoActivation coActivation(
      ActivationStore store,
      int tokens,
      EngineFactory engines,
      Matches cosines,
      Assignment byCosine,
      Integer activeDimension,
      LongConsumer progress)
      throws IOException {
    Firings ofA = Firings.of(a, store, tokens, engines, progress);
    Firings ofB =
        Firings.of(b, store, tokens, engines, done -> progress.accept(ofA.tokens() + done));
    Matches fromA = ofA.jaccard(ofB, candidates(ofA.features()));
    Matches fromB = ofB.jaccard(ofA, candidates(ofB.features()));
    int firingA = firing(ofA);
    int firingB = firing(ofB);
    int agree = 0;
    int pairs = 0;
    double ofPairs = 0;
    for (int feature = 0; feature < fromA.rows(); feature++) {
      if (ofA.counts()[feature] > 0 && fromA.best(feature) >= 0) {
        agree += fromA.best(feature) == cosines.best(feature) ? 1 : 0;
      }
      int partner = byCosine.partner()[feature];
      if (partner >= 0) {
        pairs++;
        ofPairs += index(fromA, feature, partner);
      }
    }
    return new Comparison.CoActivation(
        ofA.tokens(),
        firingA,
        firingB,
        fromA.meanBest() * fromA.rows() / Math.max(1, firingA),
        fromB.meanBest() * fromB.rows() / Math.max(1, firingB),
        oneToOne(Assignment.of(fromA), Math.min(firingA, firingB)),
        (double) agree / Math.max(1, firingA),
        ofPairs / Math.max(1, pairs),
        activeDimension);
  }

  private static int firing(Firings firings) {
    int count = 0;
    for (int each : firings.counts()) {
      count += each > 0 ? 1 : 0;
    }
    return count;
  }

  private static float index(Matches matches, int row, int other) {
    int start = row * matches.most();
    for (int at = start; at < start + matches.counts()[row]; at++) {
      if (matches.candidates()[at] == other) {
        return matches.scores()[at];
      }
    }
    return 0;
  }
}
