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

/** Finds the files of paths, folders and patterns, in a fixed order. */
final class TextFiles {
  /** The file endings that are read from a folder. */
  private static final List<String> ENDINGS =
      List.of(".txt", ".text", ".md", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow");

  /** The endings of packed files, after those. */
  private static final List<String> PACKED = List.of(".gz", ".zst", ".zstd");

  private TextFiles() {}

  /**
   * The files, in the order of the paths and then of their names.
   *
   * @throws IOException if a path does not exist, a folder holds no texts, or no file matches a
   *     pattern
   */
  static List<Path> find(List<Path> paths) throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : paths) {
      if (Files.isDirectory(path)) {
        DatasetFolders datasets = new DatasetFolders();
        addAll(
            files,
            path,
            file -> isText(path.relativize(file)) && !isCopy(file) && datasets.isText(file));
        datasets.requireWhole();
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
      // Escaped characters and names of folders must not be read as patterns.
      matcher =
          FileSystems.getDefault().getPathMatcher("glob:" + base.relativize(whole).toString());
    } catch (PatternSyntaxException e) {
      throw new IOException(
          pattern
              + ": is not a pattern ("
              + e.getDescription()
              + "); escape the characters that are meant literally",
          e);
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
    // A walk does not follow the folder itself if it is a link; links in it are not followed.
    Path real = Files.isSymbolicLink(folder) ? folder.toRealPath() : folder;
    try (Stream<Path> found = Files.walk(real)) {
      List<Path> sorted =
          found
              .map(file -> real == folder ? file : folder.resolve(real.relativize(file)))
              .filter(wanted)
              .sorted()
              .toList();
      for (Path file : sorted) {
        if (RegularFile.isListed(file)) {
          files.add(file);
        }
      }
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

  /** Whether the name is that of a text; hidden files and folders are none. */
  private static boolean isText(Path file) {
    for (Path part : file) {
      if (part.toString().startsWith(".")) {
        return false;
      }
    }
    String name = unpackedName(file);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /** The file's name in lower case, without the ending of its packing. */
  static String unpackedName(Path file) {
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    for (String ending : PACKED) {
      if (name.endsWith(ending)) {
        return name.substring(0, name.length() - ending.length());
      }
    }
    return name;
  }

  /** Whether the unpacked file is beside a packed file: its texts would be read twice. */
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
