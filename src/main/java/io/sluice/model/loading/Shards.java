package io.sluice.model.loading;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Shards of one model in a folder: files named {@code model-00002-of-00004.safetensors} or {@code
 * pytorch_model-00002-of-00004.bin}, whose index tells what is in which.
 *
 * @param stem what their names begin with
 * @param ending what they end in, after a dot
 * @param count how many there should be
 * @param present the numbers of those that are there
 */
record Shards(String stem, String ending, int count, Set<Integer> present) {
  /** How the shards end that are taken first. */
  static final String SAFETENSORS = "safetensors";

  /** How PyTorch's shards end. */
  static final String PYTORCH = "bin";

  private static final Pattern NAME =
      Pattern.compile("(.{1,200})-([0-9]{5})-of-([0-9]{5})\\.(safetensors|bin)");

  /** How many missing shards a message names. */
  private static final int NAMED = 3;

  /** The shards among some files of that ending; null if there are none, or of several models. */
  static Shards among(List<Path> files, String ending) {
    Shards found = null;
    for (Path file : files) {
      Matcher name = NAME.matcher(file.getFileName().toString());
      if (name.matches() && name.group(4).equals(ending)) {
        int count = Integer.parseInt(name.group(3));
        if (found == null) {
          found = new Shards(name.group(1), ending, count, new TreeSet<>());
        }
        if (!found.stem.equals(name.group(1)) || found.count != count) {
          return null;
        }
        found.present.add(Integer.parseInt(name.group(2)));
      }
    }
    return found == null || found.count < 2 ? null : found;
  }

  /** Whether all shards of one model are among some files. */
  static boolean areComplete(List<Path> files) {
    Shards safetensors = among(files, SAFETENSORS);
    Shards found = safetensors == null ? among(files, PYTORCH) : safetensors;
    return found != null && found.present.size() == found.count;
  }

  /** The name of their index. */
  String index() {
    return stem + "." + ending + ".index.json";
  }

  /** What a folder lacks that has shards and no index. */
  IOException withoutIndex(Path folder) {
    List<String> missing = new ArrayList<>();
    int others = 0;
    for (int i = 1; i <= count; i++) {
      if (!present.contains(i)) {
        if (missing.size() < NAMED) {
          missing.add(String.format(Locale.ROOT, "%s-%05d-of-%05d.%s", stem, i, count, ending));
        } else {
          others++;
        }
      }
    }
    missing.addFirst(index());
    return new IOException(
        folder
            + ": has "
            + present.size()
            + " of "
            + count
            + " shards, and lacks "
            + String.join(", ", missing)
            + (others == 0 ? "" : " and " + others + " more")
            + "; fetch what is missing");
  }
}
