package io.sluice.training.sweep;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.engine.EngineFactory;
import io.sluice.files.OutputFolder;
import io.sluice.store.ActivationStore;
import io.sluice.training.Activations;
import io.sluice.training.Trainer;
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
  private final Activations activations;
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
  SharedBatches(Activations activations, EngineFactory engines, long memory, Path folder) {
    this.activations = activations;
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
    require(cell, activations.first(), blueprint -> blueprint.requireMemory(engines));
  }

  private static void require(SweepCell cell, ActivationStore store, Consumer<Blueprint> more) {
    try {
      more.accept(Blueprint.of(cell.config(), store));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("cell " + cell.name() + ": " + e.getMessage(), e);
    }
  }

  private long bytes(SweepCell cell) {
    ActivationStore store = activations.first();
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
              SweepFolder.size(needed),
              SweepFolder.size(memory),
              (long) ((double) memory / needed * cell.config().features())));
    }
  }

  /** Cells that fit into the memory together, in the order in which they are trained. */
  List<List<SweepCell>> groups(List<SweepCell> cells) {
    List<List<SweepCell>> groups = new ArrayList<>();
    List<SweepCell> left = new ArrayList<>(cells);
    while (!left.isEmpty()) {
      List<SweepCell> together = new ArrayList<>();
      long taken = 0;
      CellGroup.Reads reads = CellGroup.Reads.of(left.getFirst());
      for (SweepCell cell : left) {
        // A store is read for each hook point and size of batch anyway.
        if (!activations.areCaptured() && !CellGroup.Reads.of(cell).equals(reads)) {
          continue;
        }
        taken += bytes(cell);
        if (taken > memory && !together.isEmpty()) {
          break;
        }
        together.add(cell);
      }
      left.removeAll(together);
      groups.add(together);
    }
    return groups;
  }

  @Override
  public Map<String, String> train(List<SweepCell> cells, SweepListener listener)
      throws IOException {
    Map<String, String> failures = new HashMap<>();
    boolean first = true;
    for (List<SweepCell> together : groups(cells)) {
      if (!first && !activations.rewind(listener::stops)) {
        throw new StoppedException("stopped before the next %d cells".formatted(together.size()));
      }
      first = false;
      listener.sharing(together.size());
      new CellGroup(activations, folder, listener, failures).train(together, this::open);
    }
    return failures;
  }

  private Trainer open(SweepCell cell) throws IOException {
    Path own = SweepFile.folder(folder, cell);
    OutputFolder.requireNoLink(folder, own);
    return Files.exists(own.resolve(RunFolder.DESCRIPTION))
        ? Trainer.resume(activations, engines, own, sample)
        : Trainer.start(activations, cell.config(), engines, cell.name(), own, sample);
  }
}
