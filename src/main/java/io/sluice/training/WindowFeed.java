package io.sluice.training;

import io.sluice.dictionary.FeedAhead;
import io.sluice.dictionary.SiteFeed;
import io.sluice.store.BatchPlan;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.start.StartingPoint;
import java.io.IOException;
import java.util.function.Consumer;

/** The shuffled batches of a run, window by window, read ahead for engines that want that. */
final class WindowFeed implements AutoCloseable {
  private final Activations activations;
  private final TrainingConfig config;
  private final StartingPoint start;
  private final boolean ahead;
  private final Consumer<SiteFeed.Pair> ready;
  private Activations.Window window;
  private SiteFeed feed;
  private FeedAhead feedAhead;

  /**
   * A feed.
   *
   * @param start the scales and shifts of the sites
   * @param ahead whether batches are read ahead
   * @param ready is given each batch that is, by the thread that read it
   */
  WindowFeed(
      Activations activations,
      TrainingConfig config,
      StartingPoint start,
      boolean ahead,
      Consumer<SiteFeed.Pair> ready) {
    this.activations = activations;
    this.config = config;
    this.start = start;
    this.ahead = ahead;
    this.ready = ready;
  }

  /**
   * The batch of a step; its memory is valid until the next one.
   *
   * @param step counted from 0; each is the one after that before
   * @throws IOException as {@link SiteFeed#next}, or if its window cannot be captured
   */
  SiteFeed.Pair next(long step) throws IOException {
    if (window == null || step >= window.to()) {
      close();
      window = activations.at(config, step);
      long within = step - window.from();
      feed = open(window, config.schedule().batch(), config.dataSeed());
      feed.seek(within);
      if (ahead) {
        long end = Math.min(window.to(), config.schedule().steps()) - window.from();
        SiteFeed other = open(window, config.schedule().batch(), config.dataSeed());
        feedAhead = new FeedAhead(feed, other, within, end, ready);
      }
    }
    return feedAhead == null ? feed.next() : feedAhead.next();
  }

  /** Shuffled batches of a window. */
  SiteFeed open(Activations.Window of, int batch, long seed) {
    return new SiteFeed(
        of.store(),
        BatchPlan.shuffled(
                SiteFeed.columns(start.inputs(), start.outputs()), batch, seed + of.seed())
            .where(of.rows()),
        start.inputs(),
        start.outputs());
  }

  @Override
  public void close() {
    if (feedAhead != null) {
      feedAhead.close();
      feedAhead = null;
    }
  }
}
