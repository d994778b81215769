package io.sluice.training.sweep;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.engine.EngineFactory;
import io.sluice.files.FolderLock;
import io.sluice.files.OutputFolder;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.StoppedException;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.SharedSample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Trains the cells of a grid, several at a time on each batch, in one folder. Each cell is an
 * ordinary run in a folder of its own. Killed at any moment, a sweep that is {@linkplain #resume
 * resumed} on the same engine ends in the same numbers.
 */
public final class Sweep implements AutoCloseable {
  private final ActivationStore store;
  private final EngineFactory engines;
  private final Path folder;
  private final FolderLock lock;
  private final SweepFile file;
  private final long memory;
  private final SharedSample sample = new SharedSample();
  private final Map<String, String> failures = new HashMap<>();

  private Sweep(
      ActivationStore store,
      EngineFactory engines,
      Path folder,
      FolderLock lock,
      SweepFile file,
      long memory) {
    this.store = store;
    this.engines = engines;
    this.folder = folder;
    this.lock = lock;
    this.file = file;
    this.memory = memory;
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
    String hook = cells.getFirst().config().hook();
    int width = ActivationFeed.activations(store, hook).width();
    long disk = 0;
    for (SweepCell cell : cells) {
      requireMemory(cell, width, store, engines, memory);
      requireMachine(cell, store, engines);
      disk += cell.finalBytes(width);
    }
    disk += cells.getFirst().diskBytes(width);
    FolderLock.make(folder, "sweep");
    FolderLock lock = FolderLock.take(folder, "sweep");
    try {
      if (Files.exists(folder.resolve(SweepFile.NAME))) {
        throw new IOException(
            folder
                + ": holds a sweep already; continue it with --resume, or choose another folder");
      }
      if (Files.exists(folder.resolve(RunFolder.DESCRIPTION))) {
        throw new IOException(folder + ": holds a run already; choose another folder");
      }
      long free = Files.getFileStore(folder).getUsableSpace();
      if (disk > free) {
        throw new IOException(
            "%s: the sweep needs %s here, but %s are free; make room or a smaller grid"
                .formatted(folder, size(disk), size(free)));
      }
      SweepFile file =
          new SweepFile(
              hook,
              grid,
              cells,
              engine,
              store.folder().toString(),
              store.rows(),
              store.manifest().created(),
              store.manifest().model(),
              store.manifest().text());
      file.write(folder, store);
      return new Sweep(store, engines, folder, lock, file, memory);
    } catch (IOException | RuntimeException e) {
      lock.giveUp();
      throw e;
    }
  }

  /**
   * Resumes a sweep.
   *
   * @throws IOException if the folder holds no sweep or is in use, or the store is another one
   * @throws IllegalArgumentException if a cell does not fit into the memory
   */
  public static Sweep resume(ActivationStore store, EngineFactory engines, long memory, Path folder)
      throws IOException {
    SweepFile file = SweepFile.read(folder);
    if (file.storeRows() != store.rows()
        || !file.storeCreated().equals(store.manifest().created())) {
      throw new IOException(
          "%s: the sweep was started on a store of %d rows created %s, but %s has %d, created %s"
              .formatted(
                  folder.resolve(SweepFile.NAME),
                  file.storeRows(),
                  file.storeCreated(),
                  store.folder(),
                  store.rows(),
                  store.manifest().created()));
    }
    int width = ActivationFeed.activations(store, file.hook()).width();
    for (SweepCell cell : file.cells()) {
      requireMemory(cell, width, store, engines, memory);
      requireMachine(cell, store, engines);
    }
    return new Sweep(store, engines, folder, FolderLock.take(folder, "sweep"), file, memory);
  }

  private static String size(long bytes) {
    return bytes < 100_000_000
        ? String.format(Locale.ROOT, "%,d KB", Math.ceilDiv(bytes, 1000))
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }

  private static void requireMachine(SweepCell cell, ActivationStore store, EngineFactory engines) {
    try {
      Blueprint.of(cell.config(), store).requireMemory(engines);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("cell " + cell.name() + ": " + e.getMessage(), e);
    }
  }

  private static long bytes(
      SweepCell cell, int width, ActivationStore store, EngineFactory engines) {
    boolean inPlace =
        engines.readsInPlace() && Blueprint.of(cell.config(), store).exportsByColumn();
    return cell.bytes(width, inPlace);
  }

  private static void requireMemory(
      SweepCell cell, int width, ActivationStore store, EngineFactory engines, long memory) {
    long needed = bytes(cell, width, store, engines);
    if (needed > memory) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "cell %s takes %s of memory, but the sweep has %s; give it more, or fewer features:"
                  + " up to %,d",
              cell.name(),
              size(needed),
              size(memory),
              (long) ((double) memory / needed * cell.config().features())));
    }
  }

  /** Where a sweep's store is, and its engine's kind and device. */
  public record Origin(Path store, String engine) {}

  /** Reads the store and the engine of a sweep from its folder, for {@link #resume}. */
  public static Origin origin(Path folder) throws IOException {
    SweepFile file = SweepFile.read(folder);
    return new Origin(Path.of(file.store()), file.engine());
  }

  /**
   * Reads the results of the sweep in a folder so far.
   *
   * @throws IOException if there is none, or a file of it is damaged; the message names it
   */
  public static SweepResult read(Path folder) throws IOException {
    return SweepFile.read(folder).result(folder);
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
   * Trains the remaining cells.
   *
   * @throws IOException if data is not finite or writing fails
   * @throws StoppedException if the listener requested it
   */
  public SweepResult run(SweepListener listener) throws IOException {
    int width = ActivationFeed.activations(store, file.hook()).width();
    for (List<SweepCell> left = pending(); !left.isEmpty(); left = pending()) {
      List<SweepCell> together = new ArrayList<>();
      long taken = 0;
      int batch = left.getFirst().config().schedule().batch();
      for (SweepCell cell : left) {
        if (cell.config().schedule().batch() != batch) {
          continue;
        }
        taken += bytes(cell, width, store, engines);
        if (taken > memory && !together.isEmpty()) {
          break;
        }
        together.add(cell);
      }
      listener.sharing(together.size());
      train(together, listener);
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

  /** A cell that is being trained. */
  private record Running(SweepCell cell, Trainer trainer) {}

  private void train(List<SweepCell> together, SweepListener listener) throws IOException {
    List<Running> running = new ArrayList<>();
    try {
      for (SweepCell cell : together) {
        running.add(new Running(cell, open(cell)));
      }
      long step = running.stream().mapToLong(each -> each.trainer().step()).min().orElseThrow();
      TrainingConfig config = together.getFirst().config();
      ActivationFeed feed =
          new ActivationFeed(
              store,
              BatchPlan.shuffled(
                      List.of(config.hook()), config.schedule().batch(), config.dataSeed())
                  .where(config.rows(store)),
              1);
      feed.seek(step);
      endThoseAtTheirEnd(running, listener);
      for (; !running.isEmpty(); step++) {
        Rows batch = feed.next();
        for (Running each : List.copyOf(running)) {
          // A cell whose checkpoint was newer than another's when all were killed waits for it.
          if (each.trainer().step() == step) {
            advance(each, batch, running, listener);
          }
        }
        endThoseAtTheirEnd(running, listener);
        if (!running.isEmpty() && listener.stops()) {
          for (Running each : List.copyOf(running)) {
            checkpoint(each, running, listener);
          }
          throw new StoppedException(
              "stopped, with checkpoints of the %d cells in training".formatted(running.size()));
        }
      }
    } finally {
      for (Running each : running) {
        each.trainer().close();
      }
    }
  }

  private void advance(Running each, Rows batch, List<Running> running, SweepListener listener)
      throws IOException {
    try {
      each.trainer().advance(batch);
      listener.stepped(each.cell(), each.trainer().step());
    } catch (DivergedException e) {
      giveUp(each, e, running, listener);
    }
  }

  /** The last steps may turn out to have diverged when they are written. */
  private void checkpoint(Running each, List<Running> running, SweepListener listener)
      throws IOException {
    try {
      each.trainer().checkpoint();
    } catch (DivergedException e) {
      giveUp(each, e, running, listener);
    }
  }

  private void giveUp(
      Running each, DivergedException why, List<Running> running, SweepListener listener)
      throws IOException {
    failures.put(each.cell().name(), why.getMessage());
    running.remove(each);
    each.trainer().close();
    listener.failed(each.cell(), why.getMessage());
  }

  private void endThoseAtTheirEnd(List<Running> running, SweepListener listener)
      throws IOException {
    for (Running each : List.copyOf(running)) {
      if (each.trainer().atEnd()) {
        running.remove(each);
        try (Trainer trainer = each.trainer()) {
          listener.ended(each.cell(), trainer.finish());
        } catch (DivergedException e) {
          failures.put(each.cell().name(), e.getMessage());
          listener.failed(each.cell(), e.getMessage());
        }
      }
    }
  }

  private Trainer open(SweepCell cell) throws IOException {
    Path own = SweepFile.folder(folder, cell);
    OutputFolder.requireNoLink(folder, own);
    return Files.exists(own.resolve(RunFolder.DESCRIPTION))
        ? Trainer.resume(store, engines, own, sample)
        : Trainer.start(store, cell.config(), engines, cell.name(), own, sample);
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
