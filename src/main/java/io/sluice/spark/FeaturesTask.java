package io.sluice.spark;

import io.sluice.cli.Main;
import io.sluice.features.gather.CodeChunk;
import io.sluice.features.gather.DescribedFeatures;
import io.sluice.features.gather.SharedGathering;
import io.sluice.features.gather.SimilarRows;
import io.sluice.spark.InOrder.Key;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Queue;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/**
 * What an executor does for {@link ClusterFeatures}, with the dictionary read once in its process
 * and one task at a time in its engine.
 */
final class FeaturesTask {
  private static final Map<Work, FeaturesTask> OPEN = new HashMap<>();

  /**
   * What is to be done.
   *
   * @param words the command line
   * @param store where it is
   * @param verified whether its files are compared with their checksums
   * @param required what executors have to have
   */
  record Work(
      List<String> words, StorePlace store, boolean verified, MixedExecutors.Required required)
      implements Serializable {}

  private final Work work;
  private final SharedGathering gathering;

  private FeaturesTask(Work work, SharedGathering gathering) {
    this.work = work;
    this.gathering = gathering;
  }

  /**
   * The task of some work; dictionary and store stay open as long as the process lives.
   *
   * @throws IOException if this executor does not see them, or they are damaged
   */
  static synchronized FeaturesTask of(Work work) throws IOException {
    FeaturesTask open = OPEN.get(work);
    if (open == null) {
      ExecutorPath.requireThoseOf(work.words(), "--dictionary", "--store");
      ClusterFeatures command = Main.parsed(new ClusterFeatures(), work.words());
      ActivationStore store = work.store().held(true, work.verified());
      open = new FeaturesTask(work, command.sharedHere(store));
      OPEN.put(work, open);
    }
    return open;
  }

  /**
   * Encodes a range of blocks; the codes come when they are asked for. The shards that begin there
   * are compared with their checksums, unless all were when they came into the cache.
   */
  Iterator<Tuple2<Key, int[]>> encode(TaskRange range, LongAccumulator tokens) throws IOException {
    work.required().check();
    if (work.verified() && !work.store().isRemote()) {
      gathering.verify(range.from(), range.to());
    }
    Iterator<CodeChunk> chunks = gathering.encode(range.from(), range.to(), tokens::add);
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return chunks.hasNext();
      }

      @Override
      public Tuple2<Key, int[]> next() {
        CodeChunk chunk = chunks.next();
        return new Tuple2<>(new Key(chunk.group(), chunk.order()), chunk.codes());
      }
    };
  }

  /** Finds similar features of a part of them. */
  SimilarRows similar(int part, LongAccumulator features) throws IOException {
    work.required().check();
    SimilarRows found = gathering.similar(part);
    features.add(found.count());
    return found;
  }

  /**
   * Describes groups of features.
   *
   * @param chunks their codes, sorted by group and order
   */
  Iterator<DescribedFeatures> describe(Iterator<Tuple2<Key, int[]>> chunks, double[][] directions) {
    return new Describing(chunks, directions);
  }

  /** Describes one group after the other, when its features are asked for. */
  private final class Describing implements Iterator<DescribedFeatures> {
    private final Iterator<Tuple2<Key, int[]>> chunks;
    private final double[][] directions;
    private final Queue<DescribedFeatures> ready = new ArrayDeque<>();
    private Tuple2<Key, int[]> next;

    Describing(Iterator<Tuple2<Key, int[]>> chunks, double[][] directions) {
      this.chunks = chunks;
      this.directions = directions;
      this.next = chunks.hasNext() ? chunks.next() : null;
    }

    @Override
    public boolean hasNext() {
      while (ready.isEmpty() && next != null) {
        int group = next._1().slot();
        List<int[]> codes = new ArrayList<>();
        while (next != null && next._1().slot() == group) {
          codes.add(next._2());
          next = chunks.hasNext() ? chunks.next() : null;
        }
        try {
          ready.addAll(gathering.describe(group, codes, directions));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
      return !ready.isEmpty();
    }

    @Override
    public DescribedFeatures next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return ready.remove();
    }
  }
}
