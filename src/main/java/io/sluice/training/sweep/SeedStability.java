package io.sluice.training.sweep;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.matching.DecoderCosines;
import io.sluice.engine.spec.DictionaryParameters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How alike dictionaries are that differ in their seed alone: the mean max cosine similarity of
 * their decoder rows, both ways, over all pairs of them.
 */
final class SeedStability {
  /** Larger dictionaries are left to {@code sluice compare}: each pair takes minutes. */
  private static final int MOST_FEATURES = 1 << 16;

  private SeedStability() {}

  /**
   * Whether dictionaries of so many features are compared: up to 65,536. Asked before any is read,
   * as it takes gigabytes to read the others.
   */
  static boolean isMeasured(int features) {
    return features <= MOST_FEATURES;
  }

  /**
   * Reads the dictionaries of runs.
   *
   * @param runs folders of runs that differ in their seed
   * @return null for fewer than two runs, and where a folder has no dictionary
   * @throws IOException if a dictionary is damaged
   */
  static Double of(List<Path> runs) throws IOException {
    List<DictionaryParameters> all = new ArrayList<>();
    for (Path run : runs) {
      if (runs.size() < 2 || Files.notExists(run.resolve("dictionary.json"))) {
        return null;
      }
      all.add(Dictionary.load(run).parameters());
    }
    double sum = 0;
    int ways = 0;
    for (DictionaryParameters one : all) {
      for (DictionaryParameters other : all) {
        if (one != other) {
          sum += DecoderCosines.of(one, other, 1, done -> {}).meanBest();
          ways++;
        }
      }
    }
    return ways == 0 ? null : Double.valueOf(sum / ways);
  }
}
