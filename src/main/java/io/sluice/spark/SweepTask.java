package io.sluice.spark;

import io.sluice.cli.Main;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import io.sluice.torch.TorchException;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepListener;
import io.sluice.training.sweep.SweepWorker;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.apache.spark.TaskContext;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.ParameterException;

/** What an executor does for {@link ClusterSweep}. */
final class SweepTask {
  private static final Map<Work, SweepTask> OPEN = new HashMap<>();

  /**
   * A sweep, as executors are told of it.
   *
   * @param words the command line
   * @param store where the store is
   * @param verified whether its files are compared with their checksums
   * @param engine kind and device of its engines
   * @param folder the sweep's folder
   * @param required what executors have to have
   */
  record Work(
      List<String> words,
      StorePlace store,
      boolean verified,
      String engine,
      String folder,
      MixedExecutors.Required required)
      implements Serializable {}

  /**
   * How a cell has ended.
   *
   * @param cell its name
   * @param failure why it cannot be trained; null if it has its result
   */
  record End(String cell, String failure) implements Serializable {}

  private final Work work;
  private final ActivationStore store;

  /** Workers that no task uses: as many as tasks have run at once. */
  private final Deque<SweepWorker> idle = new ConcurrentLinkedDeque<>();

  private SweepTask(Work work, ActivationStore store) {
    this.work = work;
    this.store = store;
  }

  /**
   * The task of a sweep; the store stays open as long as the process lives.
   *
   * @throws IOException if this executor does not see the store or the sweep, or has another
   *     LibTorch
   */
  static synchronized SweepTask of(Work work) throws IOException {
    SweepTask open = OPEN.get(work);
    if (open == null) {
      work.required().check();
      ExecutorPath.require(Path.of(work.folder()));
      if (!work.store().isRemote()) {
        ExecutorPath.require(Path.of(work.store().folder()));
      }
      open = new SweepTask(work, work.store().held(false, work.verified()));
      OPEN.put(work, open);
    }
    return open;
  }

  private SweepWorker worker() throws IOException {
    SweepWorker free = idle.poll();
    if (free != null) {
      return free;
    }
    try {
      return Main.parsed(new ClusterSweep(), work.words()).workerHere(store, work);
    } catch (ParameterException | TorchException e) {
      throw new IOException(ExecutorPath.executor() + ": " + e.getMessage(), e);
    }
  }

  /** Compares a shard of the store with its checksum. */
  int verify(int shard) throws IOException {
    SweepWorker worker = worker();
    try {
      worker.verify(shard);
    } finally {
      idle.push(worker);
    }
    return shard;
  }

  /**
   * Trains a cell. If Spark stops the task meanwhile, a checkpoint is written.
   *
   * @param tokens counts those of steps
   */
  End train(String cell, LongAccumulator tokens) throws IOException {
    TaskContext task = TaskContext.get();
    SweepWorker worker = worker();
    try {
      String failure =
          worker.train(
              cell,
              new SweepListener() {
                @Override
                public void stepped(SweepCell same, long step) {
                  tokens.add(same.config().schedule().batch());
                }

                @Override
                public boolean stops() {
                  return task.isInterrupted();
                }
              });
      return new End(cell, failure);
    } finally {
      idle.push(worker);
    }
  }
}
