package io.sluice.spark.storage;

import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CapturePart;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.StoreWriter;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Where tasks write a store: a folder that every executor sees, or one on a file system of Hadoop.
 *
 * @param folder the folder, or the address of one
 * @param cache where files are written first; null for a folder
 */
public record CapturePlace(String folder, CacheSettings cache) implements Serializable {
  /** The folder within the one for this work alone, whose lock is its own. */
  private static final String STORE = "store";

  /** The place of a capture. */
  public static CapturePlace of(Optional<String> address, Path folder, CacheSettings cache) {
    return address.isEmpty()
        ? new CapturePlace(folder.toAbsolutePath().toString(), null)
        : new CapturePlace(address.get(), cache);
  }

  /** Runs the parts of a capture, some shards each. */
  public interface Runner {
    /** Runs all of them, and returns their shards. */
    List<Manifest.Shard> run(List<CapturePart> parts) throws IOException;
  }

  /** Whether it is on a file system of Hadoop. */
  public boolean isRemote() {
    return cache != null;
  }

  /**
   * Writes a store, in the driver.
   *
   * @param replaced whether one that is elsewhere is deleted before
   * @throws IOException as {@link Capture#runParts}
   */
  public Manifest write(Capture plan, long leastRows, boolean replaced, Runner runner)
      throws IOException {
    if (cache == null) {
      return plan.runParts(Path.of(folder), plan.storeSpec(), leastRows, runner::run);
    }
    RemoteCapture remote = remote();
    if (replaced) {
      remote.clear();
    }
    return remote.within(
        scratch -> {
          Path store = scratch.resolve(STORE);
          Manifest manifest =
              plan.runParts(
                  store,
                  plan.storeSpec(),
                  leastRows,
                  new Capture.PartRunner() {
                    @Override
                    public List<Manifest.Shard> run(List<CapturePart> parts) throws IOException {
                      return runner.run(parts);
                    }

                    @Override
                    public Optional<StoreWriter.Lengths> elsewhere() throws IOException {
                      return Optional.of(remote.lengths());
                    }
                  });
          remote.commit(store);
          return manifest;
        });
  }

  /**
   * Writes a part, in an executor.
   *
   * @param progress as for {@link CapturePart}
   * @throws IOException as {@link CapturePart#run(LoadedModel, CaptureSpec, Path)}, or if a shard
   *     cannot be uploaded
   */
  public List<Manifest.Shard> run(
      CapturePart part, LoadedModel model, CaptureSpec spec, LongConsumer progress)
      throws IOException {
    if (cache == null) {
      return part.run(model, spec, Path.of(folder), progress);
    }
    RemoteCapture remote = remote();
    return remote.within(
        scratch -> part.run(model, spec, scratch, remote.uploading(scratch), progress));
  }

  private RemoteCapture remote() throws IOException {
    return new RemoteCapture(RemoteFolder.of(folder, StorePlace.hadoop()), FileCache.of(cache));
  }
}
