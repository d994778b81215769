package io.sluice.spark.storage;

import io.sluice.store.ActivationStore;
import io.sluice.store.Reading;
import io.sluice.store.TokenExclusion;
import io.sluice.store.files.Manifest;
import io.sluice.store.files.ManifestFile;
import io.sluice.store.tables.TableFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * A store on a file system of Hadoop, read through the cache of this machine. The manifest has the
 * checksums of all other files, and the cache has a folder for each address and manifest. So a
 * store that is replaced at its address is another one, and no file of the old is taken for the
 * new.
 */
public final class RemoteStore {
  private static final long LONGEST_MANIFEST = 256L << 20;
  private static final int DIGITS = 32;

  private final RemoteFolder folder;
  private final FileCache cache;
  private final Version version;
  private final Manifest manifest;

  /**
   * A state of a store: which manifest it has.
   *
   * @param name of the manifest's file
   * @param bytes its length
   * @param fingerprint its checksum
   */
  public record Version(String name, long bytes, Fingerprint fingerprint) implements Serializable {}

  private RemoteStore(RemoteFolder folder, FileCache cache, Version version, Manifest manifest) {
    this.folder = folder;
    this.cache = cache;
    this.version = version;
    this.manifest = manifest;
  }

  /**
   * Reads the manifest.
   *
   * @param expected the state that it must have; null for the one that is there
   * @throws IOException if there is no store or another one, or it cannot be read; one line with
   *     its address
   */
  public static RemoteStore open(RemoteFolder folder, FileCache cache, Version expected)
      throws IOException {
    Version version = expected;
    byte[] bytes = null;
    if (version == null) {
      String name = Manifest.FILE_NAME;
      bytes = folder.read(name, LONGEST_MANIFEST);
      if (bytes == null) {
        // Of an earlier version.
        name = Manifest.VISIBLE_FILE_NAME;
        bytes = manifest(folder, name);
      }
      version = new Version(name, bytes.length, Fingerprint.sha256(bytes));
    }
    RemoteFile file = manifestFile(folder, version, bytes);
    try (FileCache.Lease lease = cache.lease(file, true)) {
      Path here = lease.path().getParent();
      Manifest manifest = named(folder, here, () -> ManifestFile.read(here));
      if (!manifest.isSluices() && !manifest.shards().isEmpty()) {
        throw new IOException(
            folder.address()
                + ": was not written by 'sluice capture'; copy it to a folder that all executors see,"
                + " and give that");
      }
      if (manifest.properties().containsKey(TokenExclusion.MULTIPLE)) {
        throw new IOException(
            folder.address()
                + ": leaves tokens out by their norms, which are compared with those of the whole"
                + " store; copy it to a folder that all executors see, and give that");
      }
      return new RemoteStore(folder, cache, version, manifest);
    }
  }

  private static byte[] manifest(RemoteFolder folder, String name) throws IOException {
    byte[] bytes = folder.read(name, LONGEST_MANIFEST);
    if (bytes == null) {
      throw new IOException(
          folder.address()
              + ": no "
              + Manifest.FILE_NAME
              + " in it, so it is not an activation store; give the address that 'sluice-spark"
              + " capture --out' wrote to");
    }
    return bytes;
  }

  private static RemoteFile manifestFile(RemoteFolder folder, Version version, byte[] known) {
    String name = folder.name().isEmpty() ? "store" : folder.name();
    String identity = folder.address() + "\n" + version.fingerprint.digits();
    String digits =
        Fingerprint.sha256(identity.getBytes(StandardCharsets.UTF_8)).digits().substring(0, DIGITS);
    return new RemoteFile(
        folder.address(version.name),
        name + "-" + digits,
        version.name,
        version.bytes,
        version.fingerprint,
        () -> new ByteArrayInputStream(known == null ? same(folder, version) : known));
  }

  private static byte[] same(RemoteFolder folder, Version version) throws IOException {
    byte[] bytes = manifest(folder, version.name);
    if (!Fingerprint.sha256(bytes).equals(version.fingerprint)) {
      throw new IOException(
          folder.address(version.name)
              + ": changed while the store was read; run the command again when nothing writes it");
    }
    return bytes;
  }

  /** Which one it is. */
  public Version version() {
    return version;
  }

  /** What its manifest says. */
  public Manifest manifest() {
    return manifest;
  }

  /** A store of which some files are on this disk, until it is closed. */
  public static final class View implements AutoCloseable {
    private final List<FileCache.Lease> leases;
    private ActivationStore store;

    private View(List<FileCache.Lease> leases) {
      this.leases = leases;
    }

    /** The store; do not open its files any more after this is closed. */
    public ActivationStore store() {
      return store;
    }

    /** Allows the files to be deleted from the cache. Segments that are mapped stay valid. */
    @Override
    public void close() {
      leases.forEach(FileCache.Lease::close);
    }
  }

  /**
   * Fetches what is not in the cache, and opens it.
   *
   * @param shards the numbers of the shards that are needed
   * @param withTexts whether the texts of tokens and the names of documents are, too
   * @param verified whether copies of earlier are compared with their checksums; those that are
   *     fetched always are
   * @throws IOException if a file is missing, cannot be read or is damaged, or there is no room for
   *     it; one line with its address
   * @throws IndexOutOfBoundsException if there is no such shard
   */
  public View view(Set<Integer> shards, boolean withTexts, boolean verified, Reading reading)
      throws IOException {
    View view = new View(new ArrayList<>());
    try {
      RemoteFile own = manifestFile(folder, version, null);
      FileCache.Lease first = cache.lease(own, verified);
      view.leases.add(first);
      if (withTexts) {
        for (Map.Entry<String, TableFile> table : manifest.tables().entrySet()) {
          TableFile file = table.getValue();
          fetch(view, own, table.getKey(), file.bytes(), Fingerprint.of(file), verified);
        }
      }
      for (int number : new TreeSet<>(shards)) {
        Objects.checkIndex(number, manifest.shards().size());
        Manifest.Shard shard = manifest.shards().get(number);
        Fingerprint checksum = Fingerprint.crc32c(shard.crc32c());
        fetch(view, own, shard.file(), shard.bytes(), checksum, verified);
      }
      Path here = first.path().getParent();
      view.store =
          named(
              folder,
              here,
              () -> ActivationStore.openPart(here, folder.address(), reading, shards, withTexts));
      return view;
    } catch (IOException | RuntimeException | Error e) {
      view.close();
      throw e;
    }
  }

  private void fetch(
      View view, RemoteFile own, String name, long bytes, Fingerprint checksum, boolean verified)
      throws IOException {
    view.leases.add(
        cache.lease(
            new RemoteFile(
                folder.address(name), own.folder(), name, bytes, checksum, () -> folder.open(name)),
            verified));
  }

  private interface Work<T> {
    T run() throws IOException;
  }

  /** Errors of what is in a file name the address, not the copy. */
  private static <T> T named(RemoteFolder folder, Path here, Work<T> work) throws IOException {
    try {
      return work.run();
    } catch (IOException e) {
      String message = String.valueOf(e.getMessage());
      throw message.contains(here.toString())
          ? StorageFailure.said(message.replace(here.toString(), folder.address()), e)
          : e;
    }
  }
}
