package io.sluice.spark.storage;

import io.sluice.files.AtomicFile;
import io.sluice.store.files.Manifest;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.util.functional.FutureIO;

/**
 * The folder of a store on a file system of Hadoop. Files appear in it whole or not at all. Errors
 * are one line that names the address. Safe for use by several threads.
 */
public final class RemoteFolder {
  private static final int CHUNK_BYTES = 1 << 18;

  /** Where a file appears at the moment when it is complete; elsewhere a rename is needed. */
  private static final Set<String> OBJECT_STORES = Set.of("s3a", "s3", "s3n", "gs", "oss", "cosn");

  private final String address;
  private final Path path;
  private final FileSystem files;
  private final Configuration settings;

  private RemoteFolder(String address, Path path, FileSystem files, Configuration settings) {
    this.address = address;
    this.path = path;
    this.files = files;
    this.settings = settings;
  }

  /**
   * Finds the file system; the folder need not be there.
   *
   * @param address for instance {@code s3a://bucket/store}
   * @throws IOException if there is no such file system, or it does not answer
   */
  public static RemoteFolder of(String address, Configuration settings) throws IOException {
    String name = address.replaceFirst("/+$", "");
    try {
      Path path = new Path(name);
      FileSystem found = path.getFileSystem(settings);
      // Its other form puts a file with checksums beside each file.
      FileSystem files = found instanceof LocalFileSystem local ? local.getRaw() : found;
      return new RemoteFolder(name, path, files, settings);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          address + ": is no address (" + e.getMessage() + "); give one such as s3a://bucket/store",
          e);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw StorageFailure.of(name, "cannot be opened", e);
    }
  }

  /** Its address, without a slash at the end. */
  public String address() {
    return address;
  }

  /** The address of a file in it. */
  String address(String name) {
    return address + "/" + name;
  }

  /** The last part of its address. */
  String name() {
    return path.getName();
  }

  private interface Work<T> {
    T run() throws IOException;
  }

  private static <T> T named(String address, String what, Work<T> work) throws IOException {
    try {
      return work.run();
    } catch (IOException | RuntimeException | LinkageError e) {
      throw StorageFailure.of(address, what, e);
    }
  }

  /** The names and lengths of what is in it, folders with -1; empty if there is no such folder. */
  public Map<String, Long> list() throws IOException {
    return named(
        address,
        "cannot be read",
        () -> {
          Map<String, Long> found = new TreeMap<>();
          try {
            for (FileStatus each : files.listStatus(path)) {
              found.put(each.getPath().getName(), each.isDirectory() ? -1 : each.getLen());
            }
          } catch (FileNotFoundException e) {
            return Map.of();
          }
          return found;
        });
  }

  /**
   * All bytes of a small file; null if there is none.
   *
   * @param most the largest length that is read
   */
  byte[] read(String name, long most) throws IOException {
    try (InputStream in = files.open(new Path(path, name))) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] chunk = new byte[CHUNK_BYTES];
      for (int count = in.read(chunk); count >= 0 && bytes.size() <= most; count = in.read(chunk)) {
        bytes.write(chunk, 0, count);
      }
      if (bytes.size() > most) {
        throw new IOException("it is longer than " + most + " bytes");
      }
      return bytes.toByteArray();
    } catch (FileNotFoundException e) {
      return null;
    } catch (IOException | RuntimeException | LinkageError e) {
      throw StorageFailure.of(address(name), "cannot be read", e);
    }
  }

  /**
   * Opens a file of the store.
   *
   * @throws IOException if it is missing or cannot be read; so do errors of reading
   */
  InputStream open(String name) throws IOException {
    InputStream in;
    try {
      in =
          FutureIO.awaitFuture(
              files
                  .openFile(new Path(path, name))
                  .opt(
                      Options.OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY,
                      Options.OpenFileOptions.FS_OPTION_OPENFILE_READ_POLICY_WHOLE_FILE)
                  .build());
    } catch (FileNotFoundException e) {
      throw StorageFailure.said(
          address(name) + ": missing, though the manifest lists it; restore it or capture again",
          e);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw StorageFailure.of(address(name), "cannot be read", e);
    }
    return new FilterInputStream(in) {
      @Override
      public int read(byte[] bytes, int from, int count) throws IOException {
        return named(address(name), "cannot be read", () -> in.read(bytes, from, count));
      }
    };
  }

  /**
   * Writes a file under its name, in place of one that is there.
   *
   * @throws IOException if that fails; then the name has what it had before, or nothing
   */
  void put(java.nio.file.Path file, String name) throws IOException {
    try {
      Path target = new Path(path, name);
      if (OBJECT_STORES.contains(path.toUri().getScheme())) {
        copy(file, target);
        return;
      }
      String bits = UUID.randomUUID().toString().replace("-", "").substring(16);
      Path temporary = new Path(path, name + "." + bits + ".tmp");
      try {
        copy(file, temporary);
        rename(temporary, target);
      } catch (IOException | RuntimeException e) {
        discard(temporary);
        throw e;
      }
    } catch (IOException | RuntimeException | LinkageError e) {
      throw StorageFailure.of(address(name), "cannot be written", e);
    }
  }

  /** Closing an output completes the file, so what is half-written is aborted where that exists. */
  private void copy(java.nio.file.Path file, Path target) throws IOException {
    FSDataOutputStream out = files.create(target, true);
    boolean whole = false;
    try (InputStream in = Files.newInputStream(file)) {
      byte[] chunk = new byte[CHUNK_BYTES];
      for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
        out.write(chunk, 0, count);
      }
      whole = true;
    } finally {
      if (!whole && out.hasCapability(StreamCapabilities.ABORTABLE_STREAM)) {
        out.abort();
      }
      out.close();
    }
  }

  private void rename(Path from, Path to) throws IOException {
    if (path.toUri().getScheme().equals("file")) {
      if (!files.rename(from, to)) {
        throw new IOException("it cannot be renamed to " + to.getName());
      }
      return;
    }
    try {
      FileContext.getFileContext(path.toUri(), settings).rename(from, to, Options.Rename.OVERWRITE);
    } catch (UnsupportedFileSystemException e) {
      files.delete(to, false);
      if (!files.rename(from, to)) {
        throw new IOException("it cannot be renamed to " + to.getName(), e);
      }
    }
  }

  private void discard(Path temporary) {
    try {
      files.delete(temporary, false);
    } catch (IOException | RuntimeException e) {
      // It has the name of a temporary file, and the next capture deletes it.
    }
  }

  /** Deletes a file, if there is one. */
  void delete(String name) throws IOException {
    named(address(name), "cannot be deleted", () -> files.delete(new Path(path, name), false));
  }

  /** Whether a name is that of a file of a store, or what a killed writer left of one. */
  static boolean belongsToStore(String name) {
    String last = AtomicFile.finalName(java.nio.file.Path.of(name));
    return Manifest.isBesideShards(last) || last.matches("shard-\\d{5,10}\\.arrow");
  }
}
