package io.sluice.training.sweep;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.memory.Rows;
import io.sluice.store.BatchPlan;
import io.sluice.training.Activations;
import io.sluice.training.Trainer;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Cells that are in memory together. Those of one hook point and size of batch share each batch.
 * Used by one thread.
 */
final class CellGroup {
  private final Activations activations;
  private final Path folder;
  private final SweepListener listener;
  private final Map<String, String> failures;
  private final Map<Reads, Share> shares = new LinkedHashMap<>();

  /** What cells have in common that share each batch. */
  record Reads(String hook, int batch) {
    static Reads of(SweepCell cell) {
      return new Reads(cell.config().hook(), cell.config().schedule().batch());
    }
  }

  /** Begins or continues the training of a cell. */
  interface Opener {
    Trainer open(SweepCell cell) throws IOException;
  }

  /** A cell that is being trained. */
  private record Running(SweepCell cell, Trainer trainer) {}

  /**
   * A group without cells.
   *
   * @param folder the sweep's, for messages
   * @param failures gets the reasons of cells that cannot be trained, by their names
   */
  CellGroup(
      Activations activations, Path folder, SweepListener listener, Map<String, String> failures) {
    this.activations = activations;
    this.folder = folder;
    this.listener = listener;
    this.failures = failures;
  }

  /** Trains cells to their end. */
  void train(List<SweepCell> cells, Opener opener) throws IOException {
    try {
      for (SweepCell cell : cells) {
        Running opened = new Running(cell, opener.open(cell));
        shares
            .computeIfAbsent(Reads.of(cell), reads -> new Share(reads, cell.config()))
            .running
            .add(opened);
      }
      shares.values().forEach(Share::begin);
      for (Share share : shares.values()) {
        share.endThoseAtTheirEnd();
      }
      for (Share next = furthestBehind(); next != null; next = furthestBehind()) {
        if (!prepare(next)) {
          stop();
        }
        advance(next);
        if (listener.stops() && furthestBehind() != null) {
          stop();
        }
      }
    } finally {
      for (Share share : shares.values()) {
        for (Running each : share.running) {
          each.trainer().close();
        }
      }
    }
  }

  /** Cells that need an earlier window than others come first; null if all have ended. */
  private Share furthestBehind() {
    return shares.values().stream()
        .filter(share -> !share.running.isEmpty())
        .min(Comparator.comparingLong(share -> activations.visit(share.config, share.step)))
        .orElse(null);
  }

  private boolean prepare(Share share) throws IOException {
    try {
      return activations.prepare(share.config, share.step, listener::stops);
    } catch (IOException e) {
      String kept = "there are checkpoints of the cells in training";
      try {
        checkpoint();
      } catch (IOException full) {
        kept = "the checkpoints before stay";
      }
      throw interrupted(e, kept);
    }
  }

  private void advance(Share share) throws IOException {
    try {
      share.step();
      share.endThoseAtTheirEnd();
    } catch (IOException e) {
      // A full disk, for instance: the buffer, which may have filled it, goes with the process.
      throw activations.areCaptured() ? interrupted(e, "the checkpoints before stay") : e;
    }
  }

  private IOException interrupted(IOException why, String kept) {
    return new IOException(
        "%s; %s, and --resume --out %s continues from them"
            .formatted(why.getMessage(), kept, folder),
        why);
  }

  private void stop() throws IOException {
    checkpoint();
    int cells = shares.values().stream().mapToInt(share -> share.running.size()).sum();
    throw new StoppedException(
        "stopped, with checkpoints of the %d cells in training".formatted(cells));
  }

  private void checkpoint() throws IOException {
    for (Share share : shares.values()) {
      for (Running each : List.copyOf(share.running)) {
        try {
          each.trainer().checkpoint();
        } catch (DivergedException e) {
          // The last steps may turn out to have diverged when they are written.
          share.giveUp(each, e);
        }
      }
    }
  }

  /** Cells that share each batch. */
  private final class Share {
    private final Reads reads;
    private final TrainingConfig config;
    private final List<Running> running = new ArrayList<>();

    /** The step that comes next, counted from 0. */
    private long step;

    private Activations.Window window;
    private ActivationFeed feed;

    Share(Reads reads, TrainingConfig config) {
      this.reads = reads;
      this.config = config;
    }

    void begin() {
      step = running.stream().mapToLong(each -> each.trainer().step()).min().orElseThrow();
    }

    void step() throws IOException {
      Rows batch = next();
      for (Running each : List.copyOf(running)) {
        // A cell whose checkpoint was newer than another's when all were killed waits for it.
        if (each.trainer().step() == step) {
          advance(each, batch);
        }
      }
      step++;
    }

    private Rows next() throws IOException {
      if (window == null || step >= window.to()) {
        window = activations.at(config, step);
        feed =
            new ActivationFeed(
                window.store(),
                BatchPlan.shuffled(
                        List.of(reads.hook()), reads.batch(), config.dataSeed() + window.seed())
                    .where(window.rows()),
                1);
        feed.seek(step - window.from());
      }
      return feed.next();
    }

    private void advance(Running each, Rows batch) throws IOException {
      try {
        each.trainer().advance(batch);
        listener.stepped(each.cell(), each.trainer().step());
      } catch (DivergedException e) {
        giveUp(each, e);
      }
    }

    private void giveUp(Running each, DivergedException why) throws IOException {
      running.remove(each);
      each.trainer().close();
      fail(each, why);
    }

    private void fail(Running each, DivergedException why) {
      failures.put(each.cell().name(), why.getMessage());
      listener.failed(each.cell(), why.getMessage());
    }

    void endThoseAtTheirEnd() throws IOException {
      for (Running each : List.copyOf(running)) {
        if (each.trainer().atEnd()) {
          running.remove(each);
          try (Trainer trainer = each.trainer()) {
            listener.ended(each.cell(), trainer.finish());
          } catch (DivergedException e) {
            fail(each, e);
          }
        }
      }
    }
  }
}
