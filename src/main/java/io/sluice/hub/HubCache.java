package io.sluice.hub;

import io.sluice.files.AtomicFile;
import io.sluice.files.FolderLock;
import io.sluice.files.OutputFolder;
import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The folder in which Python's {@code huggingface_hub} keeps files of the hub, in its layout:
 *
 * <pre>
 * models--OWNER--NAME/refs/REVISION               the commit that a branch or tag was
 * models--OWNER--NAME/blobs/CHECKSUM              contents
 * models--OWNER--NAME/snapshots/COMMIT/PATH       relative links to contents
 * .locks/models--OWNER--NAME/                     held by whoever fetches
 * </pre>
 *
 * <p>Each content and each ref appears under its name only when it is complete, so readers need no
 * lock. Python's own lock is of another kind, which this one does not exclude: both programs may
 * then fetch the same file, but neither harms the other.
 */
final class HubCache {
  private static final Duration LOCK_CHECK = Duration.ofMillis(200);
  private static final int LONGEST_REF = 1024;
  private static final String TAG = "Signature: 8a477f597d28d172789f06886806bc55\n";

  private final Path root;
  private final boolean links;

  HubCache(HubSettings settings) {
    this.root = settings.cache();
    this.links = settings.links();
  }

  /** The folder of all repositories. */
  Path root() {
    return root;
  }

  /** The commit that a revision was when it was last fetched; empty if it never was. */
  Optional<String> commit(HubName name) throws IOException {
    String commit = name.revision();
    if (!isCommit(commit)) {
      Path ref = folder(name).resolve("refs").resolve(name.revision());
      if (!Files.isRegularFile(ref)) {
        return Optional.empty();
      }
      byte[] text = RegularFile.bytes(ref, LONGEST_REF);
      commit = new String(text, StandardCharsets.UTF_8).strip();
    }
    return isCommit(commit) && Files.isDirectory(snapshot(name, commit))
        ? Optional.of(commit)
        : Optional.empty();
  }

  /** The folder of a commit's files. */
  Path snapshot(HubName name, String commit) {
    return folder(name).resolve("snapshots").resolve(commit);
  }

  /** The names of all files that are there of a commit, with slashes. */
  List<String> files(HubName name, String commit) throws IOException {
    Path snapshot = snapshot(name, commit);
    try (Stream<Path> all = Files.walk(snapshot)) {
      return all.filter(Files::isRegularFile)
          .map(file -> snapshot.relativize(file).toString().replace('\\', '/'))
          .sorted()
          .toList();
    }
  }

  /** Where a content is, or will be. */
  Path content(HubName name, Checksum content) {
    return folder(name).resolve("blobs").resolve(content.hex());
  }

  /** Where a content is while it is fetched; what is there stays for the next try. */
  Path unfinished(HubName name, Checksum content) {
    return content(name, content).resolveSibling(content.hex() + ".sluice.incomplete");
  }

  /** Creates the folder for contents. */
  void make(HubName name) throws IOException {
    OutputFolder.make(folder(name).resolve("blobs"));
    Path tag = root.resolve("CACHEDIR.TAG");
    if (!Files.exists(tag)) {
      AtomicFile.write(tag, TAG); // Backup programs leave out such folders.
    }
  }

  /** Puts a complete content in its place. */
  void add(HubName name, Checksum content) throws IOException {
    Files.move(unfinished(name, content), content(name, content), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Shows a content as a file of a commit. */
  void show(HubName name, String commit, RemoteFile file) throws IOException {
    Path target = snapshot(name, commit).resolve(file.path());
    Path content = content(name, file.content());
    OutputFolder.make(target.getParent());
    if (Files.exists(target)) {
      return;
    }
    Files.deleteIfExists(target); // A link to nothing.
    if (links) {
      try {
        Files.createSymbolicLink(target, target.getParent().relativize(content));
        return;
      } catch (FileAlreadyExistsException e) {
        return; // Python was faster.
      } catch (UnsupportedOperationException | FileSystemException e) {
        // A file system or a user without links: as Python does it, the file itself goes there.
      }
    }
    Files.move(content, target, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Remembers which commit a branch or tag is. */
  void remember(HubName name, String commit) throws IOException {
    if (isCommit(name.revision())) {
      return;
    }
    Path ref = folder(name).resolve("refs").resolve(name.revision());
    OutputFolder.make(ref.getParent());
    AtomicFile.write(ref, commit);
  }

  /**
   * Waits until no other process of Sluice fetches files of a repository.
   *
   * @return the lock, to be released
   */
  FolderLock lock(HubName name, FetchListener listener, Patience.Pause pause) throws IOException {
    Path folder = root.resolve(".locks").resolve(folder(name).getFileName());
    boolean told = false;
    while (true) {
      OutputFolder.make(folder);
      try {
        FolderLock lock = FolderLock.tryTake(folder);
        if (lock != null) {
          return lock;
        }
      } catch (IOException e) {
        if (e instanceof NoSuchFileException || e.getCause() instanceof NoSuchFileException) {
          continue; // Its holder deleted the folder in between.
        }
        throw e;
      }
      if (!told) {
        listener.pause(name + ": another process fetches it; waits until it is there");
        told = true;
      }
      pause.orFail(LOCK_CHECK);
    }
  }

  private Path folder(HubName name) {
    return root.resolve("models--" + name.repository().replace("/", "--"));
  }

  private static boolean isCommit(String revision) {
    return revision.matches("[0-9a-f]{40}");
  }
}
