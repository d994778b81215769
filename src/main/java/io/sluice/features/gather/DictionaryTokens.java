package io.sluice.features.gather;

import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import java.io.IOException;
import java.util.List;

/** The codes of a dictionary, which reads each token for itself, from any batch on. */
final class DictionaryTokens implements EncodedTokens {
  private final GatheredDictionary dictionary;
  private final SiteFeed feed;
  private final int batch;
  private final Engine engine;
  private Rows target;
  private long next;

  DictionaryTokens(
      GatheredDictionary dictionary,
      ActivationStore store,
      GatherSpec spec,
      boolean written,
      EngineFactory engines) {
    this.dictionary = dictionary;
    this.batch = spec.batch();
    this.feed = feed(dictionary, store, spec, written);
    this.engine = dictionary.open(engines);
  }

  /** The batches that are encoded, and with {@code written} what is written there. */
  static SiteFeed feed(
      GatheredDictionary dictionary, ActivationStore store, GatherSpec spec, boolean written) {
    List<SiteScaling> inputs = SiteScaling.none(dictionary.reads());
    List<SiteScaling> targets = written ? SiteScaling.none(dictionary.writes()) : inputs;
    BatchPlan plan =
        BatchPlan.sequential(SiteFeed.columns(inputs, targets), spec.batch()).where(spec.rows());
    return new SiteFeed(store, plan, inputs, targets);
  }

  /** Continues at a batch, counted from 0. */
  void seek(long number) {
    feed.seek(number);
    next = number * batch;
  }

  @Override
  public long tokens() {
    return feed.rows();
  }

  @Override
  public boolean hasNext() {
    return feed.hasNext();
  }

  @Override
  public Batch next() throws IOException {
    SiteFeed.Pair pair = feed.next();
    target = pair.target();
    engine.encode(pair.input(), dictionary.activation());
    int[] rows = new int[pair.input().count()];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = (int) feed.row(next + i);
    }
    next += rows.length;
    return new Batch(engine.codes(), rows);
  }

  @Override
  public Rows written() {
    return target;
  }

  @Override
  public void close() {
    engine.close();
  }
}
