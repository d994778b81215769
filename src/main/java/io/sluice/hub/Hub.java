package io.sluice.hub;

import io.sluice.files.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Finds files by a path or a name on the HuggingFace hub.
 *
 * <p>What is on the disk under that path is taken. Otherwise a {@link HubName} is looked up in the
 * cache that Python's {@code huggingface_hub} uses, and what the cache lacks is fetched into it, so
 * that Python finds it. What the cache has of a revision is taken without a question to the hub: a
 * branch stays the commit that it was when it was fetched.
 */
public final class Hub {
  private final HubSettings settings;
  private final FetchListener listener;
  private final Patience.Pause pause;
  private final FreeSpace free;
  private final HubCache cache;

  /** How much a disk takes. */
  @FunctionalInterface
  interface FreeSpace {
    /**
     * Free bytes.
     *
     * @param folder an existing folder on the disk
     */
    long in(Path folder) throws IOException;
  }

  Hub(HubSettings settings, FetchListener listener, Patience.Pause pause, FreeSpace free) {
    this.settings = settings;
    this.listener = listener;
    this.pause = pause;
    this.free = free;
    this.cache = new HubCache(settings);
  }

  /**
   * Finds a folder or file by a path or a name. Where the hub and its cache are, the environment
   * says: {@code HF_ENDPOINT}, {@code HF_HOME}, {@code HF_HUB_CACHE}, {@code HF_TOKEN}, {@code
   * HF_HUB_OFFLINE} and their relatives.
   *
   * @param given a path, or a name on the hub
   * @param choice which files of a repository are needed
   * @param listener hears how far a fetch is
   * @return {@code given} if that exists; else the folder or file in the cache
   * @throws IOException if it is neither, the hub refuses, cannot be reached or is not to be asked,
   *     or the disk is full; one line that names it
   */
  public static Path find(Path given, FileChoice choice, FetchListener listener)
      throws IOException {
    if (Files.exists(given, LinkOption.NOFOLLOW_LINKS)) {
      return given;
    }
    HubName name = named(given);
    return ofThisMachine(listener).find(name, choice);
  }

  private static Hub ofThisMachine(FetchListener listener) throws IOException {
    Path home = Path.of(System.getProperty("user.home"));
    return new Hub(
        HubSettings.of(System.getenv(), home),
        listener,
        Patience.Pause.SLEEP,
        folder -> Files.getFileStore(folder).getUsableSpace());
  }

  /**
   * A name with the commit that its revision stands for in the cache of this machine. Other
   * machines find the same files by it, whatever commit they have of a branch.
   *
   * @param given a path, or a name that {@link #find(Path, FileChoice, FetchListener)} has found
   * @return {@code given} if it is a path, or the cache has nothing of that name
   * @throws IOException if the cache cannot be read
   */
  public static String pinned(String given) throws IOException {
    Optional<HubName> name = HubName.parse(given);
    if (name.isEmpty() || Files.exists(Path.of(given), LinkOption.NOFOLLOW_LINKS)) {
      return given;
    }
    return ofThisMachine(new FetchListener() {}).pinned(name.get()).orElse(given);
  }

  /** The same; empty if the cache has nothing of that name. */
  Optional<String> pinned(HubName name) throws IOException {
    return cache
        .commit(name)
        .map(commit -> new HubName(name.repository(), commit, name.path(), name.isExplicit()))
        .map(pinned -> (pinned.isExplicit() ? "hf://" : "") + pinned);
  }

  /** Finds what a name stands for, in the cache or on the hub. */
  Path find(HubName name, FileChoice choice) throws IOException {
    Optional<Cached> there = cached(name, choice);
    if (there.isPresent() && (there.get().isCertain() || settings.isOffline())) {
      return there.get().path();
    }
    if (settings.isOffline()) {
      throw new IOException(
          name
              + ": no such file or folder, nor is all of it in "
              + settings.cache()
              + ", and HF_HUB_OFFLINE forbids to ask the hub");
    }
    FolderLock lock = cache.lock(name, listener, pause);
    boolean found = false;
    try (HubClient client = new HubClient(settings)) {
      // Another process may have fetched it meanwhile.
      there = cached(name, choice);
      Path path =
          there.isPresent() && there.get().isCertain()
              ? there.get().path()
              : fetched(client, name, choice);
      found = true;
      return path;
    } catch (UnreachableException e) {
      return there.orElseThrow(() -> e).path();
    } finally {
      if (found) {
        lock.release();
      } else {
        lock.giveUp(); // A name that was mistyped leaves nothing behind.
      }
    }
  }

  /**
   * What the cache has, which is enough.
   *
   * @param isCertain whether it is what the repository's files would give
   */
  private record Cached(Path path, boolean isCertain) {}

  /** The name that a path spells that does not exist. */
  static HubName named(Path given) throws IOException {
    HubName name =
        HubName.parse(given.toString())
            .orElseThrow(
                () ->
                    new IOException(
                        given
                            + ": no such file or folder, and no name on the hub ("
                            + HubName.FORM
                            + "); check it"));
    if (!name.isExplicit() && Files.isDirectory(Path.of(name.owner()))) {
      throw new IOException(
          "%s: no such file or folder in %s, which is a folder here; for the repository of that name on the hub give hf://%s"
              .formatted(given, name.owner(), name));
    }
    return name;
  }

  /** What the cache has, if it is enough. */
  private Optional<Cached> cached(HubName name, FileChoice choice) throws IOException {
    Optional<String> commit = cache.commit(name);
    if (commit.isEmpty()) {
      return Optional.empty();
    }
    Selection selection;
    try {
      selection = Selection.of(name, cache.files(name, commit.get()), choice);
    } catch (IOException e) {
      return Optional.empty(); // It has only other files of this revision.
    }
    if (!choice.suffices(selection.relative())) {
      return Optional.empty();
    }
    Path path = cache.snapshot(name, commit.get()).resolve(selection.place());
    return Optional.of(
        new Cached(path, choice.isCertain(selection.relative(), selection.wanted())));
  }

  private Path fetched(HubClient client, HubName name, FileChoice choice) throws IOException {
    Patience patience = new Patience(pause, listener);
    HubClient.Revision revision = patience.until(() -> client.revision(name));
    Selection selection = Selection.of(name, revision.files(), choice);
    Path snapshot = cache.snapshot(name, revision.commit());
    List<RemoteFile> missing = new ArrayList<>();
    for (String path : selection.paths()) {
      if (!Files.isRegularFile(snapshot.resolve(path))) {
        missing.add(patience.until(() -> client.describe(name, revision.commit(), path)));
      }
    }
    cache.make(name);
    fetch(client, name, missing);
    for (RemoteFile file : missing) {
      cache.show(name, revision.commit(), file);
    }
    cache.remember(name, revision.commit());
    return snapshot.resolve(selection.place());
  }

  /** Fetches the contents that the cache does not have under another name or commit. */
  private void fetch(HubClient client, HubName name, List<RemoteFile> files) throws IOException {
    // Two files of one content are fetched once.
    TreeMap<String, RemoteFile> contents = new TreeMap<>();
    long bytes = 0;
    long present = 0;
    for (RemoteFile file : files) {
      Path content = cache.content(name, file.content());
      if (Files.isRegularFile(content) && Files.size(content) == file.size()) {
        continue;
      }
      Files.deleteIfExists(content);
      if (contents.put(file.content().hex(), file) == null) {
        bytes += file.size();
        present += Download.present(cache.unfinished(name, file.content()), file.size());
      }
    }
    if (contents.isEmpty()) {
      return;
    }
    requireSpace(name, bytes - present);
    listener.begin(name.repository(), bytes, present);
    long done = 0;
    for (RemoteFile file : contents.values()) {
      Path target = cache.unfinished(name, file.content());
      long before = done;
      new Download(client, name, file, target)
          .run(new Patience(pause, listener), at -> listener.at(before + at, file.path()));
      cache.add(name, file.content());
      done += file.size();
    }
    listener.end();
  }

  private void requireSpace(HubName name, long bytes) throws IOException {
    long room = free.in(cache.root());
    if (room < bytes) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: needs %,.1f MB in %s, where %,.1f MB are free; make room, or set HF_HOME to a folder on another disk",
              name,
              bytes / 1e6,
              cache.root(),
              room / 1e6));
    }
  }
}
