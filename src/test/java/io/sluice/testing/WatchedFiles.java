package io.sluice.testing;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;

/**
 * Paths of real files whose every change is announced before it is made: files that are created,
 * written (each write in two halves), flushed, truncated, renamed and deleted. All paths that
 * follow from such a path are watched, too.
 */
public final class WatchedFiles {
  private static final Set<StandardOpenOption> CHANGING =
      Set.of(
          StandardOpenOption.CREATE,
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.TRUNCATE_EXISTING,
          StandardOpenOption.DELETE_ON_CLOSE);

  /** Is told of every change. */
  @FunctionalInterface
  public interface Watcher {
    /**
     * Called before a change.
     *
     * @param change for instance {@code write}
     * @param file the real file
     * @throws IOException to let the change fail instead
     */
    void before(String change, Path file) throws IOException;
  }

  private final Watcher watcher;
  private final FileSystemProvider provider;
  private final System system;

  private WatchedFiles(Path folder, Watcher watcher) {
    this.watcher = watcher;
    this.provider = folder.getFileSystem().provider();
    this.system = new System(folder.getFileSystem());
  }

  /** The same path, watched. */
  public static Path watch(Path path, Watcher watcher) {
    return new WatchedFiles(path, watcher).watched(path);
  }

  /** The handler of a watched path. */
  private record Handler(WatchedFiles files, Path real)
      implements java.lang.reflect.InvocationHandler {
    @Override
    public Object invoke(Object proxy, java.lang.reflect.Method method, Object[] given)
        throws Throwable {
      if (method.getName().equals("getFileSystem")) {
        return files.system;
      }
      Object[] arguments =
          given == null ? null : Arrays.stream(given).map(WatchedFiles::real).toArray();
      try {
        Object result = method.invoke(real, arguments);
        return result instanceof Path path ? files.watched(path) : result;
      } catch (InvocationTargetException e) {
        throw e.getCause();
      }
    }
  }

  private Path watched(Path real) {
    return (Path)
        Proxy.newProxyInstance(
            WatchedFiles.class.getClassLoader(),
            new Class<?>[] {Path.class},
            new Handler(this, real));
  }

  private static Object real(Object value) {
    return value != null
            && Proxy.isProxyClass(value.getClass())
            && Proxy.getInvocationHandler(value) instanceof Handler handler
        ? handler.real()
        : value;
  }

  private static Path real(Path path) {
    return (Path) real((Object) path);
  }

  private final class System extends FileSystem {
    private final FileSystem real;
    private final Provider provider = new Provider();

    System(FileSystem real) {
      this.real = real;
    }

    @Override
    public FileSystemProvider provider() {
      return provider;
    }

    @Override
    public void close() {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public boolean isReadOnly() {
      return false;
    }

    @Override
    public String getSeparator() {
      return real.getSeparator();
    }

    @Override
    public Iterable<Path> getRootDirectories() {
      return StreamSupport.stream(real.getRootDirectories().spliterator(), false)
              .map(WatchedFiles.this::watched)
          ::iterator;
    }

    @Override
    public Iterable<FileStore> getFileStores() {
      return real.getFileStores();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
      return real.supportedFileAttributeViews();
    }

    @Override
    public Path getPath(String first, String... more) {
      return watched(real.getPath(first, more));
    }

    @Override
    public PathMatcher getPathMatcher(String pattern) {
      PathMatcher matcher = real.getPathMatcher(pattern);
      return path -> matcher.matches(WatchedFiles.real(path));
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
      return real.getUserPrincipalLookupService();
    }

    @Override
    public WatchService newWatchService() throws IOException {
      return real.newWatchService();
    }
  }

  private final class Provider extends FileSystemProvider {
    @Override
    public String getScheme() {
      return provider.getScheme();
    }

    @Override
    public FileSystem newFileSystem(URI uri, Map<String, ?> env) {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileSystem getFileSystem(URI uri) {
      return system;
    }

    @Override
    public Path getPath(URI uri) {
      return watched(provider.getPath(uri));
    }

    @Override
    public FileChannel newFileChannel(
        Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
        throws IOException {
      Path file = real(path);
      if (options.stream().anyMatch(CHANGING::contains)) {
        watcher.before("create", file);
      }
      return new WatchedChannel(provider.newFileChannel(file, options, attributes), file, watcher);
    }

    @Override
    public SeekableByteChannel newByteChannel(
        Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
        throws IOException {
      return newFileChannel(path, options, attributes);
    }

    @Override
    public DirectoryStream<Path> newDirectoryStream(
        Path folder, DirectoryStream.Filter<? super Path> filter) throws IOException {
      List<Path> all;
      try (DirectoryStream<Path> files =
          provider.newDirectoryStream(real(folder), file -> filter.accept(watched(file)))) {
        all =
            StreamSupport.stream(files.spliterator(), false)
                .map(WatchedFiles.this::watched)
                .toList();
      }
      return new DirectoryStream<>() {
        @Override
        public Iterator<Path> iterator() {
          return all.iterator();
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public void createDirectory(Path folder, FileAttribute<?>... attributes) throws IOException {
      watcher.before("make", real(folder));
      provider.createDirectory(real(folder), attributes);
    }

    @Override
    public void delete(Path path) throws IOException {
      watcher.before("delete", real(path));
      provider.delete(real(path));
    }

    @Override
    public boolean deleteIfExists(Path path) throws IOException {
      watcher.before("delete", real(path));
      return provider.deleteIfExists(real(path));
    }

    @Override
    public void copy(Path from, Path to, CopyOption... options) throws IOException {
      watcher.before("copy", real(to));
      provider.copy(real(from), real(to), options);
    }

    @Override
    public void move(Path from, Path to, CopyOption... options) throws IOException {
      watcher.before("rename", real(to));
      provider.move(real(from), real(to), options);
    }

    @Override
    public boolean isSameFile(Path path, Path other) throws IOException {
      return provider.isSameFile(real(path), real(other));
    }

    @Override
    public boolean isHidden(Path path) throws IOException {
      return provider.isHidden(real(path));
    }

    @Override
    public FileStore getFileStore(Path path) throws IOException {
      return provider.getFileStore(real(path));
    }

    @Override
    public void checkAccess(Path path, AccessMode... modes) throws IOException {
      provider.checkAccess(real(path), modes);
    }

    @Override
    public <V extends FileAttributeView> V getFileAttributeView(
        Path path, Class<V> type, LinkOption... options) {
      return provider.getFileAttributeView(real(path), type, options);
    }

    @Override
    public <A extends BasicFileAttributes> A readAttributes(
        Path path, Class<A> type, LinkOption... options) throws IOException {
      return provider.readAttributes(real(path), type, options);
    }

    @Override
    public Map<String, Object> readAttributes(Path path, String names, LinkOption... options)
        throws IOException {
      return provider.readAttributes(real(path), names, options);
    }

    @Override
    public void setAttribute(Path path, String name, Object value, LinkOption... options)
        throws IOException {
      provider.setAttribute(real(path), name, value, options);
    }
  }
}
