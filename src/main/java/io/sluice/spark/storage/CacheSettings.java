package io.sluice.spark.storage;

import io.sluice.torch.Torch;
import java.io.Serializable;
import java.nio.file.Path;

/**
 * Where a machine keeps files of stores that are elsewhere.
 *
 * @param folder of the cache; null for {@code stores} in Sluice's cache folder of that machine
 * @param bytes the most that its files may take
 */
public record CacheSettings(String folder, long bytes) implements Serializable {
  /**
   * The folder on this machine.
   *
   * @throws IllegalStateException if none is named and the user has no cache folder
   */
  Path here() {
    return folder == null ? Torch.cacheFolder().resolve("stores") : Path.of(folder);
  }
}
