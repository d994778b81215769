package io.sluice.training.sweep;

import io.sluice.engine.EngineFactory;
import io.sluice.files.FolderLock;
import io.sluice.files.FolderTakenException;
import io.sluice.store.ActivationStore;
import io.sluice.training.Activations;
import io.sluice.training.run.RunFolder;
import io.sluice.training.run.StoppedException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Trains single cells of a sweep that another process has begun, into the same folder. That process
 * holds the sweep ({@link Sweep#startElsewhere}); any number of workers on other machines may train
 * its cells, each an ordinary run with a lock of its own. Used by one thread.
 */
public final class SweepWorker {
  private static final long WAIT_MILLIS = 500;

  private final ActivationStore store;
  private final SweepFile file;
  private final Path folder;
  private final SharedBatches training;

  private SweepWorker(ActivationStore store, SweepFile file, Path folder, SharedBatches training) {
    this.store = store;
    this.file = file;
    this.folder = folder;
    this.training = training;
  }

  /**
   * Opens a sweep to train cells of it.
   *
   * @param folder the sweep's folder, which another process holds
   * @throws IOException if the folder holds no sweep, the store is another one, or the lock of the
   *     other process does not hold here, so that two workers could write into one cell
   */
  public static SweepWorker open(ActivationStore store, EngineFactory engines, Path folder)
      throws IOException {
    SweepFile file = SweepFile.read(folder);
    file.requireSame(Activations.of(store), folder);
    FolderLock lock = FolderLock.tryTake(folder);
    if (lock != null) {
      lock.close();
      throw new IOException(
          folder
              + ": is locked by the process that began the sweep, but not for this one; give a"
              + " folder on a file system whose locks hold on all machines, such as NFS 4, or"
              + " Lustre mounted with flock");
    }
    SharedBatches training =
        new SharedBatches(Activations.of(store), engines, Long.MAX_VALUE, folder);
    return new SweepWorker(store, file, folder, training);
  }

  /**
   * Compares a shard of the store with its checksum.
   *
   * @throws IOException if it is damaged; the message names the file
   */
  public void verify(int shard) throws IOException {
    store.verify(shard);
  }

  /**
   * Trains a cell, from its newest checkpoint if it has one. If another process trains it, this
   * waits until that has ended, however it ends.
   *
   * @param name the name of a cell
   * @param listener told of steps; asked whether to stop also while this waits
   * @return null if the cell has its result now; otherwise why it cannot be trained
   * @throws IOException if data is not finite or writing fails
   * @throws IllegalArgumentException if there is no such cell, or this machine has too little
   *     memory for it
   * @throws StoppedException if the listener requested it
   */
  public String train(String name, SweepListener listener) throws IOException {
    SweepCell cell =
        file.cells().stream()
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException(folder + ": has no cell " + name));
    Path own = SweepFile.folder(folder, cell);
    while (RunFolder.result(own) == null) {
      try {
        training.require(List.of(cell));
        return training.train(List.of(cell), listener).get(name);
      } catch (FolderTakenException e) {
        await(name, listener);
      } catch (IOException e) {
        // Another process may have completed it between the two looks at it.
        if (RunFolder.result(own) == null) {
          throw e;
        }
      }
    }
    return null;
  }

  private static void await(String name, SweepListener listener) {
    boolean interrupted = false;
    try {
      TimeUnit.MILLISECONDS.sleep(WAIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      interrupted = true;
    }
    if (interrupted || listener.stops()) {
      throw new StoppedException("stopped while another process trained cell " + name);
    }
  }
}
