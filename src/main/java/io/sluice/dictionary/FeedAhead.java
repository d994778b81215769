package io.sluice.dictionary;

import io.sluice.files.DiskThread;
import java.io.IOException;
import java.util.NoSuchElementException;
import java.util.function.Consumer;

/**
 * The batches of a {@link SiteFeed}, each read by a thread of its own while the caller works on the
 * one before. Two feeds of the same batches take turns, so that the memory of one is left alone
 * meanwhile. A batch that cannot be read is an error when the caller asks for it, not before.
 */
public final class FeedAhead implements AutoCloseable {
  private final Source[] sources;
  private final Consumer<SiteFeed.Pair> ready;
  private final DiskThread<SiteFeed.Pair> reader = new DiskThread<>("reading ahead");

  /** Reads the batch of a step into memory of its own, which the next one overwrites. */
  @FunctionalInterface
  interface Source {
    SiteFeed.Pair read(long step) throws IOException;
  }

  /** The next step that {@link #next} returns, which is being read. */
  private long step;

  /** The step after the last one. */
  private final long end;

  /**
   * Starts to read.
   *
   * @param one the batches, and {@code other} the same again; nobody else reads from them
   * @param first the step to begin at, counted from 0
   * @param end no batch from here on is read
   * @param ready is given each batch by the thread that read it; an error of it is one of the batch
   */
  public FeedAhead(
      SiteFeed one, SiteFeed other, long first, long end, Consumer<SiteFeed.Pair> ready) {
    this(of(one), of(other), first, end, ready);
  }

  FeedAhead(Source one, Source other, long first, long end, Consumer<SiteFeed.Pair> ready) {
    this.sources = new Source[] {one, other};
    this.ready = ready;
    this.step = first;
    this.end = end;
    start();
  }

  private static Source of(SiteFeed feed) {
    return step -> {
      feed.seek(step);
      return feed.next();
    };
  }

  private void start() {
    long wanted = step;
    Source source = sources[(int) (wanted & 1)];
    if (wanted < end) {
      reader.start(() -> read(source, wanted));
    }
  }

  private SiteFeed.Pair read(Source source, long wanted) throws IOException {
    SiteFeed.Pair read = source.read(wanted);
    ready.accept(read);
    return read;
  }

  /**
   * The next batch; its memory is valid until the following batch.
   *
   * @throws IOException as {@link SiteFeed#next}
   * @throws NoSuchElementException after the last batch
   */
  public SiteFeed.Pair next() throws IOException {
    if (step >= end) {
      throw new NoSuchElementException("step " + step + " is past the last, " + (end - 1));
    }
    SiteFeed.Pair read = reader.await();
    step++;
    start();
    return read;
  }

  /** Waits for the batch that is being read, however that ends; no file is read afterwards. */
  @Override
  public void close() {
    reader.close();
  }
}
