package io.sluice.text;

import io.sluice.files.RegularFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/** Finds the files that paths, folders and patterns stand for, in an order that is always one. */
final class TextFiles {
  /** What is read of a folder. */
  private static final List<String> ENDINGS =
      List.of(".txt", ".text", ".md", ".jsonl", ".ndjson", ".json", ".parquet");

  /** What the names of packed files end in, after those. */
  private static final List<String> PACKED = List.of(".gz", ".zst", ".zstd");

  private TextFiles() {}

  /**
   * The files, in the order of the paths and then of their names.
   *
   * @throws IOException if a path does not exist, a folder holds no texts, or nothing fits a
   *     pattern
   */
  static List<Path> find(List<Path> paths) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      if (Files.isDirectory(path)) {
        addAll(files, path, file -> isText(path.relativize(file)) && !isCopy(file));
        continue;
      }
      RegularFile.require(path);
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) || !isPattern(path.toString())) {
        files.add(path);
        continue;
      }
      addMatches(files, path);
    }
    return files;
  }

  private static void addMatches(List<Path> files, Path pattern) throws IOException {
    Path whole = pattern.toAbsolutePath().normalize();
    Path base = whole;
    while (base.getParent() != null && isPattern(base.toString())) {
      base = base.getParent();
    }
    if (!Files.isDirectory(base)) {
      throw new IOException(pattern + ": there is no folder " + base + "; check the path");
    }
    PathMatcher matcher;
    try {
      // What a name escapes or a folder is called must not be taken for a pattern.
      matcher =
          FileSystems.getDefault().getPathMatcher("glob:" + base.relativize(whole).toString());
    } catch (PatternSyntaxException e) {
      throw new IOException(
          pattern + ": is not a pattern (" + e.getDescription() + "); quote it as it is meant", e);
    }
    Path folder = base;
    addAll(files, pattern, base, file -> matcher.matches(folder.relativize(file)));
  }

  private static void addAll(List<Path> files, Path folder, Predicate<Path> wanted)
      throws IOException {
    addAll(files, folder, folder, wanted);
  }

  private static void addAll(List<Path> files, Path named, Path folder, Predicate<Path> wanted)
      throws IOException {
    int before = files.size();
    // A walk does not follow the folder itself where that is a link; links in it stay closed.
    Path real = Files.isSymbolicLink(folder) ? folder.toRealPath() : folder;
    try (Stream<Path> found = Files.walk(real)) {
      found
          .map(file -> real == folder ? file : folder.resolve(real.relativize(file)))
          .filter(wanted)
          .filter(Files::isRegularFile)
          .sorted()
          .forEach(files::add);
    } catch (UncheckedIOException e) {
      throw new IOException(
          e.getCause() instanceof FileSystemException in
              ? named + ": its folder " + in.getFile() + " cannot be listed; check its permissions"
              : named + ": cannot be listed; check that its disk is there",
          e);
    }
    if (files.size() == before) {
      throw new IOException(
          named
              + (Files.isDirectory(named)
                  ? ": is a folder without texts; there are " + String.join(", ", ENDINGS)
                  : ": no file fits this pattern; check it"));
    }
  }

  private static boolean isText(Path file) {
    for (Path part : file) {
      if (part.toString().startsWith(".")) {
        return false;
      }
    }
    String name = unpackedName(file);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /** The file's name in small letters, without the ending that says how it is packed. */
  static String unpackedName(Path file) {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    for (String ending : PACKED) {
      if (name.endsWith(ending)) {
        return name.substring(0, name.length() - ending.length());
      }
    }
    return name;
  }

  /** Whether a packed file lies beside what was packed: its texts would come twice. */
  private static boolean isCopy(Path file) {
    String name = file.getFileName().toString();
    int unpacked = unpackedName(file).length();
    return unpacked < name.length()
        && Files.isRegularFile(file.resolveSibling(name.substring(0, unpacked)));
  }

  private static boolean isPattern(String path) {
    return path.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }
}
