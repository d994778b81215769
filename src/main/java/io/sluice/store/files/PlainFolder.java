package io.sluice.store.files;

import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A folder of Arrow IPC files without a manifest, as a few lines of Python write it. Its manifest
 * follows from the files: those that end in {@code .arrow}, {@code .feather} or {@code .ipc}, in
 * the order of their names, in which numbers are compared as numbers. The first one says which hook
 * points there are, and the metadata of its schema may name the model and the text.
 */
public final class PlainFolder {
  private static final Pattern SHARD = Pattern.compile("(?s)[^.].*\\.(arrow|feather|ipc)");

  /** A file that Sluice itself wrote, which has a manifest. */
  private static final Pattern OWN = Pattern.compile("shard-\\d{5,10}\\.arrow");

  private static final String PROPERTY = "sluice.";

  private final Path folder;

  private PlainFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * The manifest of a folder that has none.
   *
   * @throws IOException if there is no Arrow file in it, or one is damaged, or the first has no
   *     column of activations; the message names the file
   */
  public static Manifest manifest(Path folder) throws IOException {
    return new PlainFolder(folder).manifest();
  }

  /** Whether a folder has files that may be shards. */
  public static boolean hasShards(Path folder) throws IOException {
    return Files.isDirectory(folder) && !new PlainFolder(folder).files().isEmpty();
  }

  /** Whether a file of that name may be a shard: one in the store's own folder. */
  static boolean isShardName(String name) {
    return SHARD.matcher(name).matches()
        && name.indexOf('/') < 0
        && name.indexOf('\\') < 0
        && Quoted.of(name).equals("'" + name + "'")
        && !Manifest.VISIBLE_TABLES.contains(name);
  }

  private List<Path> files() throws IOException {
    List<Path> named;
    try (Stream<Path> listed = Files.list(folder)) {
      named =
          listed
              .filter(file -> SHARD.matcher(name(file)).matches())
              .filter(file -> !Manifest.VISIBLE_TABLES.contains(name(file)))
              .sorted(Comparator.comparing(PlainFolder::name, PlainFolder::compare))
              .toList();
    }
    List<Path> found = new ArrayList<>();
    for (Path file : named) {
      if (!RegularFile.isListed(file)) {
        continue;
      }
      found.add(file);
      if (!isShardName(name(file))) {
        throw new IOException(
            folder + ": a file is named " + Quoted.of(name(file)) + "; give it a plain name");
      }
    }
    return found;
  }

  /** The name of a file or folder in the one that it is in. */
  static String name(Path file) {
    return String.valueOf(file.toAbsolutePath().normalize().getFileName());
  }

  private Manifest manifest() throws IOException {
    List<Manifest.Shard> shards = new ArrayList<>();
    ShardParser.Contents first = null;
    Path firstFile = null;
    Instant newest = Instant.EPOCH;
    for (Path file : files()) {
      long size;
      ShardParser.Contents contents;
      try (FileChannel channel = RegularFile.open(file)) {
        size = channel.size();
        contents = ShardParser.describe(file, ShardBytes.of(channel, size));
      }
      requireNotSluices(file, contents);
      if (first == null) {
        first = contents;
        firstFile = file;
      }
      if (contents.rows() > 0) {
        shards.add(new Manifest.Shard(name(file), contents.rows(), size, null));
      }
      Instant changed = Files.getLastModifiedTime(file).toInstant();
      newest = changed.isAfter(newest) ? changed : newest;
    }
    if (first == null) {
      throw new IOException(folder + ": no Arrow file in it");
    }
    Map<String, String> metadata = first.metadata();
    Map<String, String> properties = new LinkedHashMap<>();
    for (String key : List.of(Manifest.FIRST_POSITION, Manifest.PREPEND_BOS)) {
      String value = metadata.get(PROPERTY + key);
      if (value != null) {
        Manifest.requireProperty(firstFile, PROPERTY, key, value);
        properties.put(key, value);
      }
    }
    return new Manifest(
            metadata.getOrDefault("sluice.model", ""),
            metadata.getOrDefault("sluice.text", name(folder)),
            first.hookPoints(),
            0,
            0,
            false,
            List.of(),
            tables(),
            properties,
            "",
            newest.toString())
        .withShards(shards, true);
  }

  /** A store whose manifest is lost would lose the first position and the number of its rows. */
  private void requireNotSluices(Path file, ShardParser.Contents contents) throws IOException {
    if (OWN.matcher(name(file)).matches()
        && contents.metadata().containsKey(ShardFrame.FORMAT_KEY)) {
      throw new IOException(
          folder
              + ": no "
              + Manifest.FILE_NAME
              + " in it, but "
              + file.getFileName()
              + ", which 'sluice capture' wrote with one; restore it or capture again");
    }
  }

  private Map<String, TableFile> tables() throws IOException {
    Map<String, TableFile> tables = new LinkedHashMap<>();
    List<String> names = new ArrayList<>(Manifest.TABLES);
    names.addAll(Manifest.VISIBLE_TABLES);
    for (String name : names) {
      Path file = folder.resolve(name);
      if (Files.isRegularFile(file)) {
        tables.put(name, new TableFile(0, Files.size(file), ""));
      }
    }
    return tables;
  }

  /** Compares names; digits in the same place of both as the numbers that they are. */
  static int compare(String a, String b) {
    int i = 0;
    int j = 0;
    while (i < a.length() && j < b.length()) {
      int endA = endOfDigits(a, i);
      int endB = endOfDigits(b, j);
      int order;
      if (endA > i && endB > j) {
        String numberA = a.substring(i, endA).replaceFirst("^0+(?=.)", "");
        String numberB = b.substring(j, endB).replaceFirst("^0+(?=.)", "");
        order = Integer.compare(numberA.length(), numberB.length());
        order = order == 0 ? numberA.compareTo(numberB) : order;
        i = endA;
        j = endB;
      } else {
        order = Character.compare(a.charAt(i++), b.charAt(j++));
      }
      if (order != 0) {
        return order;
      }
    }
    int order = Integer.compare(a.length() - i, b.length() - j);
    return order == 0 ? a.compareTo(b) : order;
  }

  private static int endOfDigits(String text, int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
      end++;
    }
    return end;
  }
}
