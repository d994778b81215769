package io.sluice.dictionary.formats;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.hub.FileChoice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Which files of a folder in a repository make a dictionary: the configuration and the weights of
 * one format, the first that fits.
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
    if (wanted != null) {
      throw new IOException(folder + ": is a file; name the dictionary's folder");
    }
    if (formats.contains(DictionaryFormat.SLUICE) && names.contains(CrossLayerDictionary.FILE)) {
      return names.stream().filter(DictionaryChoice::isOfLayers).toList();
    }
    for (DictionaryFormat format : formats) {
      if (names.containsAll(format.fileNames())) {
        return format.fileNames();
      }
    }
    for (DictionaryFormat other : DictionaryFormat.values()) {
      if (names.containsAll(other.fileNames())) {
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
   * Whether both files of a format are there, which {@link #of} requires; of a cross-layer
   * transcoder, those of its layers.
   */
  @Override
  public boolean suffices(List<String> chosen) {
    long configs = chosen.stream().filter(name -> name.endsWith("/dictionary.json")).count();
    long weights = chosen.stream().filter(name -> name.endsWith("/dictionary.safetensors")).count();
    return !chosen.contains(CrossLayerDictionary.FILE) || configs > 1 && configs == weights;
  }

  private static boolean isOfLayers(String name) {
    return name.equals(CrossLayerDictionary.FILE)
        || name.matches("layer-\\d{2,4}/dictionary\\.(json|safetensors)");
  }

  /** A repository often has a folder for each hook point. */
  private String none(List<String> names) {
    Set<String> all = Set.copyOf(names);
    Set<String> folders = new TreeSet<>();
    for (String name : names) {
      String folder = name.substring(0, name.lastIndexOf('/') + 1);
      for (DictionaryFormat format : formats) {
        if (all.containsAll(format.fileNames().stream().map(file -> folder + file).toList())) {
          folders.add(folder.replaceFirst("/$", ""));
        }
      }
    }
    if (!folders.isEmpty()) {
      List<String> first = new ArrayList<>(folders).subList(0, Math.min(NAMED, folders.size()));
      return ": has %s dictionaries in folders; add the name of one: /%s%s"
          .formatted(
              folders.size(),
              String.join(", /", first),
              folders.size() > first.size() ? ", …" : "");
    }
    return ": holds no dictionary of a format that is read here; they are "
        + formats.stream()
            .map(each -> each.label() + " (" + String.join(", ", each.fileNames()) + ")")
            .collect(Collectors.joining(", "));
  }
}
