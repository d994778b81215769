package io.sluice.training.sweep;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.engine.EngineFactory;
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
import java.util.function.Consumer;

/**
 * Trains cells of a sweep in this process: as many on each batch as fit into some memory. Used by
 * one thread.
 */
final class SharedBatches implements CellTraining {
  private final ActivationStore store;
  private final EngineFactory engines;
  private final long memory;
  private final Path folder;
  private final SharedSample sample = new SharedSample();

  /**
   * Trains nothing yet.
   *
   * @param memory bytes that the cells which share a batch may take
   * @param folder the sweep's folder
   */
  SharedBatches(ActivationStore store, EngineFactory engines, long memory, Path folder) {
    this.store = store;
    this.engines = engines;
    this.memory = memory;
    this.folder = folder;
  }

  /**
   * Checks that each cell fits into the memory that the sweep may take, and into the machine.
   *
   * @throws IllegalArgumentException if one does not; the message has its name
   */
  void require(List<SweepCell> cells) {
    for (SweepCell cell : cells) {
      requireMemory(cell);
      requireMachine(cell);
    }
  }

  /**
   * Checks that each cell fits the store.
   *
   * @throws IllegalArgumentException if one does not; the message has its name
   */
  static void requireFit(List<SweepCell> cells, ActivationStore store) {
    for (SweepCell cell : cells) {
      require(cell, store, fits -> {});
    }
  }

  private void requireMachine(SweepCell cell) {
    require(cell, store, blueprint -> blueprint.requireMemory(engines));
  }

  private static void require(SweepCell cell, ActivationStore store, Consumer<Blueprint> more) {
    try {
      more.accept(Blueprint.of(cell.config(), store));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("cell " + cell.name() + ": " + e.getMessage(), e);
    }
  }

  private long bytes(SweepCell cell) {
    boolean inPlace =
        engines.readsInPlace() && Blueprint.of(cell.config(), store).exportsByColumn();
    return cell.bytes(ActivationFeed.activations(store, cell.config().hook()).width(), inPlace);
  }

  private void requireMemory(SweepCell cell) {
    long needed = bytes(cell);
    if (needed > memory) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "cell %s takes %s of memory, but the sweep has %s; give it more, or fewer features:"
                  + " up to %,d",
              cell.name(),
              Sweep.size(needed),
              Sweep.size(memory),
              (long) ((double) memory / needed * cell.config().features())));
    }
  }

  @Override
  public Map<String, String> train(List<SweepCell> cells, SweepListener listener)
      throws IOException {
    Map<String, String> failures = new HashMap<>();
    List<SweepCell> left = new ArrayList<>(cells);
    while (!left.isEmpty()) {
      List<SweepCell> together = new ArrayList<>();
      long taken = 0;
      int batch = left.getFirst().config().schedule().batch();
      for (SweepCell cell : left) {
        if (cell.config().schedule().batch() != batch) {
          continue;
        }
        taken += bytes(cell);
        if (taken > memory && !together.isEmpty()) {
          break;
        }
        together.add(cell);
      }
      left.removeAll(together);
      listener.sharing(together.size());
      new Together(listener, failures).train(together);
    }
    return failures;
  }

  private Trainer open(SweepCell cell) throws IOException {
    Path own = SweepFile.folder(folder, cell);
    OutputFolder.requireNoLink(folder, own);
    return Files.exists(own.resolve(RunFolder.DESCRIPTION))
        ? Trainer.resume(store, engines, own, sample)
        : Trainer.start(store, cell.config(), engines, cell.name(), own, sample);
  }

  /** A cell that is being trained. */
  private record Running(SweepCell cell, Trainer trainer) {}

  /** Cells that share each batch. */
  private final class Together {
    private final SweepListener listener;
    private final Map<String, String> failures;
    private final List<Running> running = new ArrayList<>();

    Together(SweepListener listener, Map<String, String> failures) {
      this.listener = listener;
      this.failures = failures;
    }

    void train(List<SweepCell> cells) throws IOException {
      try {
        for (SweepCell cell : cells) {
          running.add(new Running(cell, open(cell)));
        }
        long step = running.stream().mapToLong(each -> each.trainer().step()).min().orElseThrow();
        ActivationFeed feed = feed(cells.getFirst().config(), step);
        endThoseAtTheirEnd();
        for (; !running.isEmpty(); step++) {
          Rows batch = feed.next();
          for (Running each : List.copyOf(running)) {
            // A cell whose checkpoint was newer than another's when all were killed waits for it.
            if (each.trainer().step() == step) {
              advance(each, batch);
            }
          }
          endThoseAtTheirEnd();
          if (!running.isEmpty() && listener.stops()) {
            stop();
          }
        }
      } finally {
        for (Running each : running) {
          each.trainer().close();
        }
      }
    }

    private ActivationFeed feed(TrainingConfig config, long step) throws IOException {
      ActivationFeed feed =
          new ActivationFeed(
              store,
              BatchPlan.shuffled(
                      List.of(config.hook()), config.schedule().batch(), config.dataSeed())
                  .where(config.rows(store)),
              1);
      feed.seek(step);
      return feed;
    }

    private void advance(Running each, Rows batch) throws IOException {
      try {
        each.trainer().advance(batch);
        listener.stepped(each.cell(), each.trainer().step());
      } catch (DivergedException e) {
        giveUp(each, e);
      }
    }

    private void stop() throws IOException {
      for (Running each : List.copyOf(running)) {
        try {
          each.trainer().checkpoint();
        } catch (DivergedException e) {
          // The last steps may turn out to have diverged when they are written.
          giveUp(each, e);
        }
      }
      throw new StoppedException(
          "stopped, with checkpoints of the %d cells in training".formatted(running.size()));
    }

    private void giveUp(Running each, DivergedException why) throws IOException {
      failures.put(each.cell().name(), why.getMessage());
      running.remove(each);
      each.trainer().close();
      listener.failed(each.cell(), why.getMessage());
    }

    private void endThoseAtTheirEnd() throws IOException {
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
  }
}
