package io.sluice.dictionary.formats;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.hub.FileChoice;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Which files of a folder in a repository make a dictionary: those of one format, the first that
 * fits.
 *
 * @param formats those that may be chosen
 */
public record DictionaryChoice(List<DictionaryFormat> formats) implements FileChoice {
  private static final int NAMED = 3;

  /** Copies the list. */
  public DictionaryChoice {
    formats = List.copyOf(formats);
  }

  /** Dictionaries of all formats. */
  public static DictionaryChoice ofAny() {
    return new DictionaryChoice(Arrays.asList(DictionaryFormat.values()));
  }

  /** Dictionaries and cross-layer transcoders in Sluice's format alone. */
  public static DictionaryChoice ofSluice() {
    return new DictionaryChoice(List.of(DictionaryFormat.SLUICE));
  }

  @Override
  public List<String> of(String folder, List<String> names, String wanted) throws IOException {
    Set<String> all = Set.copyOf(names);
    if (wanted != null) {
      for (DictionaryFormat format : formats) {
        List<String> files = format.reader().ofFile(wanted, all);
        if (!files.isEmpty()) {
          return files;
        }
      }
      throw new IOException(folder + ": is a file; name the dictionary's folder");
    }
    if (formats.contains(DictionaryFormat.SLUICE) && names.contains(CrossLayerDictionary.FILE)) {
      return names.stream().filter(DictionaryChoice::isOfLayers).toList();
    }
    for (DictionaryFormat format : formats) {
      Optional<String> rather = format.reader().rather(folder, all);
      if (rather.isPresent()) {
        throw new IOException(folder + ": " + rather.get());
      }
      List<String> files = format.reader().inFolder(all);
      if (!files.isEmpty()) {
        return files;
      }
    }
    for (DictionaryFormat other : DictionaryFormat.values()) {
      if (!other.reader().inFolder(all).isEmpty()) {
        throw new IOException(
            folder
                + ": is in the format of "
                + other.label()
                + (formats.equals(List.of(DictionaryFormat.SLUICE))
                    ? "; convert it first: sluice convert --dictionary "
                        + folder
                        + " --to sluice --out DIR"
                    : ", not of " + formats.getFirst().label()));
      }
    }
    throw new IOException(folder + none(names));
  }

  /**
   * Whether all files of a format are there, which {@link #of} requires; of a cross-layer
   * transcoder, those of its layers.
   */
  @Override
  public boolean suffices(List<String> chosen) {
    long configs = chosen.stream().filter(name -> name.endsWith("/dictionary.json")).count();
    long weights = chosen.stream().filter(name -> name.endsWith("/dictionary.safetensors")).count();
    return !chosen.contains(CrossLayerDictionary.FILE) || configs > 1 && configs == weights;
  }

  /** Without its configuration in the cache, it may still be in the repository. */
  @Override
  public boolean isCertain(List<String> chosen, String wanted) {
    return chosen.size() != 1
        || !chosen.getFirst().equals(GemmaScope2.WEIGHTS)
            && !chosen.getFirst().endsWith(PyTorchSingle.QWEN);
  }

  private static boolean isOfLayers(String name) {
    return name.equals(CrossLayerDictionary.FILE)
        || name.matches("layer-\\d{2,4}/dictionary\\.(json|safetensors)");
  }

  /** A repository often has a folder for each hook point. */
  private String none(List<String> names) {
    Map<String, Set<String>> inside = new TreeMap<>();
    for (String name : names) {
      for (int slash = name.lastIndexOf('/'), depth = 0;
          slash > 0 && depth <= PlacedFiles.DEPTH;
          slash = name.lastIndexOf('/', slash - 1), depth++) {
        String folder = name.substring(0, slash);
        inside.computeIfAbsent(folder, any -> new HashSet<>()).add(name.substring(slash + 1));
      }
    }
    List<String> folders =
        inside.entrySet().stream()
            .filter(
                folder ->
                    formats.stream()
                        .anyMatch(each -> !each.reader().inFolder(folder.getValue()).isEmpty()))
            .map(Map.Entry::getKey)
            .toList();
    if (!folders.isEmpty()) {
      List<String> first = folders.subList(0, Math.min(NAMED, folders.size()));
      return ": has %s dictionaries in folders; add the name of one: /%s%s"
          .formatted(
              folders.size(),
              String.join(", /", first),
              folders.size() > first.size() ? ", …" : "");
    }
    return ": holds no dictionary of a format that is read here; they are "
        + DictionaryFormat.known(formats);
  }
}
