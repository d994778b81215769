package io.sluice.features.gather;

import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.util.List;

/** The codes of a dictionary, which reads each token for itself. */
final class DictionaryTokens implements EncodedTokens {
  private final GatheredDictionary dictionary;
  private final SiteFeed feed;
  private final SelectedRows rows;
  private final Engine engine;
  private Rows target;

  DictionaryTokens(
      GatheredDictionary dictionary,
      ActivationStore store,
      GatherSpec spec,
      boolean written,
      EngineFactory engines) {
    this.dictionary = dictionary;
    RowFilter filter = spec.rows();
    List<SiteScaling> inputs = SiteScaling.none(dictionary.reads());
    List<SiteScaling> targets = written ? SiteScaling.none(dictionary.writes()) : inputs;
    BatchPlan plan =
        BatchPlan.sequential(SiteFeed.columns(inputs, targets), spec.batch()).where(filter);
    this.feed = new SiteFeed(store, plan, inputs, targets);
    this.rows = new SelectedRows(store, filter);
    this.engine = dictionary.open(engines);
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
    return new Batch(engine.codes(), rows.next(pair.input().count()));
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
