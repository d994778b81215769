package io.sluice.dictionary;

import java.io.IOException;
import java.util.NoSuchElementException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/**
 * The batches of a {@link SiteFeed}, each read by a thread of its own while the caller works on the
 * one before. Two feeds of the same batches take turns, so that the memory of one is left alone
 * meanwhile. A batch that cannot be read is an error when the caller asks for it, not before.
 */
public final class FeedAhead implements AutoCloseable {
  private final Source[] sources;
  private final Consumer<SiteFeed.Pair> ready;
  private final ExecutorService reader =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("reading ahead").daemon().factory());

  /** Reads the batch of a step into memory of its own, which the next one overwrites. */
  @FunctionalInterface
  interface Source {
    SiteFeed.Pair read(long step) throws IOException;
  }

  /** The next step that {@link #next} returns, which is being read. */
  private long step;

  /** The step after the last one. */
  private final long end;

  private Future<SiteFeed.Pair> pending;

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
    pending = wanted < end ? reader.submit(() -> read(source, wanted)) : null;
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
    if (pending == null) {
      throw new NoSuchElementException("step " + step + " is past the last, " + (end - 1));
    }
    SiteFeed.Pair read = await();
    step++;
    start();
    return read;
  }

  /** An interrupt does not end the wait, and is passed on after it. */
  private SiteFeed.Pair await() throws IOException {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return pending.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new IllegalStateException(e.getCause());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Waits for the batch that is being read, however that ends; no file is read afterwards. */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    reader.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
