package io.sluice.training.sweep;

import io.sluice.engine.EngineFactory;
import io.sluice.files.FolderLock;
import io.sluice.store.ActivationStore;
import io.sluice.training.Activations;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Trains the cells of a grid, several at a time on each batch, in one folder. Each cell is an
 * ordinary run in a folder of its own. Killed at any moment, a sweep that is {@linkplain #resume
 * resumed} on the same engine ends in the same numbers.
 */
public final class Sweep implements AutoCloseable {
  /** Seconds that a network file system may keep to itself that a file is there. */
  private static final long LONGEST_DELAY = 90;

  private final Path folder;
  private final FolderLock lock;
  private final SweepFile file;

  /** Trains cells in this process; null if others do. */
  private final SharedBatches here;

  private final Map<String, String> failures = new HashMap<>();

  private Sweep(Path folder, FolderLock lock, SweepFile file, SharedBatches here) {
    this.folder = folder;
    this.lock = lock;
    this.file = file;
    this.here = here;
  }

  /**
   * Begins a sweep. Nothing is trained yet.
   *
   * @param grid its axes
   * @param cells its cells, which differ in nothing that the order of the data depends on, but the
   *     size of a batch: those of one size share each
   * @param engine how {@code engines} is called: kind and device, to be found again
   * @param memory bytes that the cells which share a batch may take
   * @param folder the sweep's folder; created if necessary, and may hold neither a sweep nor a run
   * @throws IOException if the folder holds a sweep or a run or is in use, or the disk is too full
   * @throws IllegalArgumentException if a cell does not fit the store, or into the memory
   */
  public static Sweep start(
      ActivationStore store,
      Grid grid,
      List<SweepCell> cells,
      EngineFactory engines,
      String engine,
      long memory,
      Path folder)
      throws IOException {
    Activations activations = Activations.of(store);
    SharedBatches here = new SharedBatches(activations, engines, memory, folder);
    here.require(cells);
    return start(activations, grid, cells, engine, folder, here);
  }

  /**
   * Checks that each cell fits its activations and the memory that it may take.
   *
   * @param activations need not have rows
   * @param memory bytes that the cells which share a batch may take
   * @throws IllegalArgumentException if one does not; the message has its name
   */
  public static void require(
      Activations activations,
      List<SweepCell> cells,
      EngineFactory engines,
      long memory,
      Path folder) {
    new SharedBatches(activations, engines, memory, folder).require(cells);
  }

  /**
   * Begins a sweep whose cells {@linkplain SweepWorker workers} in other processes train, on other
   * machines for instance. This process holds the sweep and reads the results.
   *
   * @param engine as in {@link #start}
   * @throws IOException as {@link #start}
   * @throws IllegalArgumentException if a cell does not fit the store; what memory it takes, each
   *     worker looks at
   */
  public static Sweep startElsewhere(
      ActivationStore store, Grid grid, List<SweepCell> cells, String engine, Path folder)
      throws IOException {
    SharedBatches.requireFit(cells, store);
    return start(Activations.of(store), grid, cells, engine, folder, null);
  }

  private static Sweep start(
      Activations activations,
      Grid grid,
      List<SweepCell> cells,
      String engine,
      Path folder,
      SharedBatches here)
      throws IOException {
    FolderLock.make(folder, "sweep");
    FolderLock lock = FolderLock.take(folder, "sweep");
    try {
      return new Sweep(folder, lock, announce(activations, grid, cells, engine, folder), here);
    } catch (IOException | RuntimeException e) {
      lock.giveUp();
      throw e;
    }
  }

  /**
   * Writes what a sweep is into its folder, which the caller has locked, before the activations are
   * there: {@link #resume} begins it. {@link #describe} then adds what the activations tell.
   *
   * @param activations need not have rows
   * @return what was written
   * @throws IOException if the folder holds a sweep or a run, or the disk is too full
   */
  public static SweepFile announce(
      Activations activations, Grid grid, List<SweepCell> cells, String engine, Path folder)
      throws IOException {
    ActivationStore store = activations.first();
    SweepFolder.requireEmpty(folder);
    SweepFolder.requireDisk(folder, cells, store);
    SweepFile file =
        new SweepFile(
            cells.stream()
                .map(cell -> cell.config().hook())
                .distinct()
                .collect(Collectors.joining(", ")),
            grid,
            cells,
            engine,
            store.place(),
            store.rows(),
            store.manifest().created(),
            store.manifest().model(),
            store.manifest().text());
    file.write(folder, activations);
    return file;
  }

  /** Writes again what the sweep is, with what is known of its activations by now. */
  public void describe(Activations activations) throws IOException {
    file.write(folder, activations);
  }

  /**
   * Resumes a sweep.
   *
   * @throws IOException if the folder holds no sweep or is in use, or the store is another one
   * @throws IllegalArgumentException if a cell does not fit into the memory
   */
  public static Sweep resume(ActivationStore store, EngineFactory engines, long memory, Path folder)
      throws IOException {
    return resume(Activations.of(store), engines, memory, folder);
  }

  /**
   * As the other, on activations that need not be those of a store.
   *
   * @throws IOException as the other
   * @throws IllegalArgumentException if a cell does not fit into the memory
   */
  public static Sweep resume(
      Activations activations, EngineFactory engines, long memory, Path folder) throws IOException {
    SweepFile file = SweepFile.read(folder);
    file.requireSame(activations, folder);
    SharedBatches here = new SharedBatches(activations, engines, memory, folder);
    here.require(file.cells());
    return new Sweep(folder, FolderLock.take(folder, "sweep"), file, here);
  }

  /**
   * Resumes a sweep, wherever it was begun, whose remaining cells {@linkplain SweepWorker workers}
   * in other processes train.
   *
   * @throws IOException as {@link #resume}
   */
  public static Sweep resumeElsewhere(ActivationStore store, Path folder) throws IOException {
    SweepFile file = SweepFile.read(folder);
    file.requireSame(Activations.of(store), folder);
    return new Sweep(folder, FolderLock.take(folder, "sweep"), file, null);
  }

  /**
   * Where a sweep's store is, and its engine's kind and device.
   *
   * @param store a path or an address; null if a model runs in its place
   */
  public record Origin(String store, String engine) {}

  /** Reads the store and the engine of a sweep from its folder, for {@link #resume}. */
  public static Origin origin(Path folder) throws IOException {
    SweepFile file = SweepFile.read(folder);
    return new Origin(file.store(), file.engine());
  }

  /**
   * Reads the results of the sweep in a folder so far.
   *
   * @throws IOException if there is none, or a file of it is damaged; the message names it
   */
  public static SweepResult read(Path folder) throws IOException {
    return SweepFile.read(folder).result(folder);
  }

  /** How often the data is read for the cells that have not ended, as memory is limited. */
  public int groups() throws IOException {
    return here == null ? 0 : here.groups(pending()).size();
  }

  /** All cells, in order. */
  public List<SweepCell> cells() {
    return file.cells();
  }

  /** Tokens of all steps of the cells that have not ended. */
  public long tokensLeft() throws IOException {
    long tokens = 0;
    for (SweepCell cell : pending()) {
      tokens += cell.config().schedule().steps() * cell.config().schedule().batch();
    }
    return tokens;
  }

  private List<SweepCell> pending() throws IOException {
    List<SweepCell> pending = new ArrayList<>();
    for (SweepCell cell : file.cells()) {
      if (!failures.containsKey(cell.name())
          && RunFolder.result(SweepFile.folder(folder, cell)) == null) {
        pending.add(cell);
      }
    }
    return pending;
  }

  /**
   * Trains the remaining cells in this process.
   *
   * @throws IOException if data is not finite or writing fails
   * @throws StoppedException if the listener requested it
   * @throws IllegalStateException if the sweep was begun for other processes
   */
  public SweepResult run(SweepListener listener) throws IOException {
    if (here == null) {
      throw new IllegalStateException("the cells of this sweep are trained elsewhere");
    }
    return run(listener, here);
  }

  /**
   * Has the remaining cells trained.
   *
   * @param training trains them, for instance by {@linkplain SweepWorker workers} in other
   *     processes
   * @throws IOException if data is not finite, writing fails, or the result of a cell that was
   *     trained elsewhere is not seen here
   * @throws StoppedException if the listener requested it
   */
  public SweepResult run(SweepListener listener, CellTraining training) throws IOException {
    List<SweepCell> pending = pending();
    if (!pending.isEmpty()) {
      failures.putAll(training.train(pending, listener));
      awaitResults();
    }
    SweepResult result = file.result(folder);
    List<SweepResult.Outcome> outcomes = new ArrayList<>();
    for (SweepResult.Outcome outcome : result.cells()) {
      String failure = failures.get(outcome.cell().name());
      outcomes.add(new SweepResult.Outcome(outcome.cell(), outcome.result(), failure));
    }
    return new SweepResult(
        result.hook(),
        result.model(),
        result.text(),
        result.grid(),
        outcomes,
        result.stabilities());
  }

  /** A network file system may show what another machine wrote only after some time. */
  private void awaitResults() throws IOException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LONGEST_DELAY);
    for (List<SweepCell> unseen = pending(); !unseen.isEmpty(); unseen = pending()) {
      if (System.nanoTime() > end) {
        throw new IOException(
            "%s: another process has trained this cell, but its result is not seen here; give a"
                    .formatted(SweepFile.folder(folder, unseen.getFirst()))
                + " folder that all machines share");
      }
      try {
        TimeUnit.MILLISECONDS.sleep(200);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException(folder + ": interrupted");
      }
    }
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
