package io.sluice.spark.storage;

import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.deploy.SparkHadoopUtil;

/**
 * Where a store is that tasks read: in a folder that every executor sees, or on a file system of
 * Hadoop, whose files come through a cache. The driver makes one and sends it to the tasks.
 *
 * <pre>{@code
 * StorePlace place = StorePlace.of(address("--store"), folder, cache.settings(this), reading);
 * ActivationStore outline = place.outline(false); // In the driver.
 * ActivationStore store = place.open(true, verified, shard); // In a task, until it ends.
 * }</pre>
 *
 * @param folder the folder, or the address of one
 * @param cache null for a folder
 * @param version the state of a store that is elsewhere, which is the same for all tasks
 * @param reading how files come into memory
 */
public record StorePlace(
    String folder, CacheSettings cache, RemoteStore.Version version, Reading reading)
    implements Serializable {
  private static final Map<StorePlace, ActivationStore> FOLDERS = new ConcurrentHashMap<>();

  /**
   * The place of a store, for the driver.
   *
   * @param address the value of an option as an address ({@code SluiceCommand.address})
   * @param folder its value as a path
   * @throws IOException if it is an address with no store, or cannot be read
   */
  public static StorePlace of(
      Optional<String> address, Path folder, CacheSettings cache, Reading reading)
      throws IOException {
    if (address.isEmpty()) {
      // Executors have other working folders.
      Path place = Files.exists(folder) ? folder.toAbsolutePath() : folder;
      return new StorePlace(place.toString(), null, null, reading);
    }
    StorePlace any = new StorePlace(address.get(), cache, null, reading);
    return new StorePlace(address.get(), cache, any.remote().version(), reading);
  }

  /** Whether files come through a cache. */
  public boolean isRemote() {
    return cache != null;
  }

  /**
   * Rows, columns and the number of shards, without the data of a shard if the store is elsewhere.
   *
   * @param withTexts whether it has the texts of tokens and the names of documents
   * @throws IOException if it cannot be read
   */
  public ActivationStore outline(boolean withTexts) throws IOException {
    return isRemote() ? view(withTexts, false, Set.of()) : here();
  }

  /**
   * The store with some shards, which stay on this machine until the task ends.
   *
   * @param withTexts whether it has the texts of tokens and the names of documents
   * @param verified whether the shards are compared with their checksums
   * @param shards their numbers; others may not be there
   * @throws IOException if it cannot be read, or is damaged
   */
  public ActivationStore open(boolean withTexts, boolean verified, int... shards)
      throws IOException {
    if (isRemote()) {
      Set<Integer> wanted = IntStream.of(shards).boxed().collect(Collectors.toSet());
      return view(withTexts, verified, wanted);
    }
    ActivationStore store = here();
    for (int shard : shards) {
      if (verified) {
        store.verify(shard);
      }
    }
    return store;
  }

  /**
   * The whole store, which stays on this machine as long as this process lives. All of its files
   * must fit into the cache.
   *
   * @param withTexts whether it has the texts of tokens and the names of documents
   * @param verified whether copies of earlier are compared with their checksums; those that are
   *     fetched always are
   * @throws IOException as {@link #open}
   */
  public ActivationStore held(boolean withTexts, boolean verified) throws IOException {
    if (!isRemote()) {
      return here();
    }
    RemoteStore store = remote();
    Set<Integer> all =
        IntStream.range(0, store.manifest().shards().size())
            .boxed()
            .collect(Collectors.toUnmodifiableSet());
    return store.view(all, withTexts, verified, reading).store();
  }

  private ActivationStore here() throws IOException {
    ActivationStore open = FOLDERS.get(this);
    if (open == null) {
      open = ActivationStore.open(Path.of(folder), reading);
      FOLDERS.put(this, open);
    }
    return open;
  }

  private ActivationStore view(boolean withTexts, boolean verified, Set<Integer> shards)
      throws IOException {
    RemoteStore.View view = remote().view(shards, withTexts, verified, reading);
    TaskContext task = TaskContext.get();
    if (task != null) {
      task.addTaskCompletionListener(
          ended -> {
            view.close();
          });
    }
    return view.store();
  }

  private RemoteStore remote() throws IOException {
    return RemoteStore.open(RemoteFolder.of(folder, hadoop()), FileCache.of(cache), version);
  }

  /** The settings of Hadoop, with those that Spark was given. */
  public static Configuration hadoop() {
    SparkEnv process = SparkEnv.get();
    SparkConf settings = process == null ? new SparkConf() : process.conf();
    return SparkHadoopUtil.get().newConfiguration(settings);
  }
}
