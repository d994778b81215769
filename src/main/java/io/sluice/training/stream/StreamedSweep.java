package io.sluice.training.stream;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.engine.EngineFactory;
import io.sluice.files.FolderLock;
import io.sluice.store.ActivationStore;
import io.sluice.training.Activations;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunFolder;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * A sweep whose cells are trained while a model runs, as many in one pass of it as fit into the
 * memory. Where all tokens fit into the buffer, the model runs once for all. Killed at any moment,
 * it ends in the same numbers when it is resumed on the same engine.
 */
public final class StreamedSweep implements AutoCloseable {
  private final StreamedActivations activations;
  private final Sweep sweep;

  private StreamedSweep(StreamedActivations activations, Sweep sweep) {
    this.activations = activations;
    this.sweep = sweep;
  }

  /**
   * What cells are trained with.
   *
   * @param engine how {@code engines} are called: kind and device
   * @param memory bytes that the cells of one pass of the model may take
   */
  public record Means(EngineFactory engines, String engine, long memory) {}

  /**
   * Begins a sweep: captures the first window. Nothing is trained yet. {@code sweep.json} is
   * written before, so that a sweep which is killed meanwhile can be resumed.
   *
   * @param cells the cells of {@code grid}; their largest batch, data seed, first position and
   *     held-out share are those that were planned with
   * @param options how to find the model, the texts and the buffer again, as words
   * @param folder created if necessary; may hold neither a sweep nor a run
   * @param stops asks to give up
   * @throws IOException if the folder holds a sweep or a run or is in use, the disk is too full, or
   *     the capture fails; the folder is then as before
   * @throws IllegalArgumentException if a cell does not fit its hook point or the memory
   * @throws NotBegunException if it was asked to
   */
  public static StreamedSweep start(
      StreamPlan plan,
      Grid grid,
      List<SweepCell> cells,
      List<String> options,
      Means means,
      Path folder,
      BooleanSupplier stops)
      throws IOException {
    require(plan, cells, means, folder);
    boolean made = !Files.exists(folder);
    StreamFile file = StreamFile.of(plan, options, means.engine(), List.of());
    Sweep sweep = null;
    boolean announced = false;
    try {
      announce(plan, file, grid, cells, folder);
      announced = true;
      StreamedSweep started = open(plan, file, configs(cells), means, folder, false, stops);
      sweep = started.sweep;
      return started;
    } finally {
      if (sweep == null) {
        if (announced) {
          Files.deleteIfExists(folder.resolve(RunFolder.SWEEP));
          Files.deleteIfExists(folder.resolve(StreamFile.NAME));
          Files.deleteIfExists(folder.resolve(FolderLock.NAME));
        }
        if (made) {
          StreamFile.deleteIfEmpty(folder);
        }
      }
    }
  }

  /** Writes what the sweep is, as far as it is known before the model runs. */
  private static void announce(
      StreamPlan plan, StreamFile file, Grid grid, List<SweepCell> cells, Path folder)
      throws IOException {
    FolderLock.make(folder, "sweep");
    try (FolderLock lock = FolderLock.take(folder, "sweep")) {
      requireEmpty(folder);
      ActivationStore none = plan.withoutRows(folder);
      // A folder with this file alone is begun again by the same command.
      file.write(folder, none);
      Sweep.announce(new Planned(none, plan, file), grid, cells, file.engine(), folder);
    }
  }

  private static void requireEmpty(Path folder) throws IOException {
    SweepFolder.requireEmpty(folder);
    if (StreamFile.isIn(folder) && !StreamFile.read(folder).runs().isEmpty()) {
      throw new IOException(folder + ": holds runs already; choose another folder");
    }
  }

  /** What is known of activations before the model runs. */
  private record Planned(ActivationStore first, StreamPlan plan, StreamFile file)
      implements Activations {
    @Override
    public Window at(TrainingConfig config, long step) {
      throw new IllegalStateException("nothing is captured yet");
    }

    @Override
    public void describe(ObjectNode settings) {
      file.describe(settings, plan, first);
    }
  }

  private static StreamedSweep open(
      StreamPlan plan,
      StreamFile file,
      List<TrainingConfig> configs,
      Means means,
      Path folder,
      boolean resumed,
      BooleanSupplier stops)
      throws IOException {
    StreamedActivations activations =
        StreamedActivations.open(plan, folder, file, configs, resumed, stops);
    Sweep sweep = null;
    try {
      sweep = Sweep.resume(activations, means.engines(), means.memory(), folder);
      if (file.windows().isEmpty()) {
        sweep.describe(activations);
      }
      return new StreamedSweep(activations, sweep);
    } finally {
      if (sweep == null) {
        activations.close();
      }
    }
  }

  /**
   * Checks all that is known before the model runs.
   *
   * @throws IOException if the folder holds a sweep or runs
   * @throws IllegalArgumentException if a cell does not fit its hook point or the memory
   */
  public static void require(StreamPlan plan, List<SweepCell> cells, Means means, Path folder)
      throws IOException {
    Activations planned = Activations.of(plan.withoutRows(folder));
    Sweep.require(planned, cells, means.engines(), means.memory(), folder);
    requireEmpty(folder);
  }

  private static List<TrainingConfig> configs(List<SweepCell> cells) {
    return cells.stream().map(SweepCell::config).toList();
  }

  /**
   * Resumes a sweep.
   *
   * @param plan made from what {@code file} says
   * @param file that of the folder
   * @throws IOException if the texts, the model or a folder are not what they were, or the sweep is
   *     in use
   * @throws IllegalArgumentException if a cell does not fit into the memory
   * @throws NotBegunException if it was asked to stop before the first window was there
   */
  public static StreamedSweep resume(
      StreamPlan plan, StreamFile file, Means means, Path folder, BooleanSupplier stops)
      throws IOException {
    file.requireFit(plan, folder);
    List<SweepCell> cells =
        Sweep.read(folder).cells().stream().map(outcome -> outcome.cell()).toList();
    return open(plan, file, configs(cells), means, folder, true, stops);
  }

  /** The sweep, to be run. */
  public Sweep sweep() {
    return sweep;
  }

  @Override
  public void close() throws IOException {
    try {
      sweep.close();
    } finally {
      activations.close();
    }
  }
}
