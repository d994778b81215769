package io.sluice.report;

import io.sluice.report.TrainingRun.Setting;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Groups and names runs for comparison: only runs of the same hook points, number of features, k
 * and data are comparable.
 */
final class RunQuestion {
  /** The settings that must be equal. */
  private static final List<String> QUESTION =
      List.of(
          "hook",
          "kind.type",
          "kind.target",
          "kind.targets",
          "kind.others",
          "inputHook",
          "outputHook",
          "features",
          "heads",
          "k",
          "model",
          "text",
          "storeRows",
          "storeCreated",
          "heldOut.tokens",
          "fromPosition");

  /** Settings that follow from others or do not affect the result. */
  private static final Set<String> INCIDENTAL =
      Set.of(
          "scale",
          "commonNorm",
          "subspaceDimensions",
          "trainedDimensions",
          "store",
          "storeCreated",
          "checkpointEvery",
          "keepCheckpoints",
          "logEvery",
          "tensorBoard",
          "tau",
          "dataSeed",
          "heldOut.seed",
          "heldOut.contexts");

  private static final int MOST_WORDS = 3;

  private RunQuestion() {}

  /** A key that is equal for comparable runs. */
  static String of(TrainingRun run) {
    List<String> parts = new ArrayList<>();
    for (String key : QUESTION) {
      parts.add(String.valueOf(run.setting(key)));
    }
    return String.join("\n", parts);
  }

  /** The settings in which runs differ, in the order of the first that has them. */
  static List<String> differing(List<TrainingRun> runs) {
    Set<String> keys = new LinkedHashSet<>();
    for (TrainingRun run : runs) {
      for (Setting setting : run.settings()) {
        if (!INCIDENTAL.contains(setting.key()) && !setting.key().startsWith("start.")) {
          keys.add(setting.key());
        }
      }
    }
    return keys.stream()
        .filter(
            key ->
                runs.stream()
                        .map(run -> run.setting(key))
                        // Runs that start at random have no d_init to differ in.
                        .filter(value -> value != null || !key.equals("dInit"))
                        .distinct()
                        .count()
                    > 1)
        .toList();
  }

  /** The runs' names; equal names get the settings that differ, or a number. */
  static List<String> names(List<TrainingRun> runs) {
    Map<String, List<TrainingRun>> byName = new HashMap<>();
    for (TrainingRun run : runs) {
      byName.computeIfAbsent(run.name(), name -> new ArrayList<>()).add(run);
    }
    Map<String, Integer> taken = new HashMap<>();
    List<String> names = new ArrayList<>();
    for (TrainingRun run : runs) {
      List<String> words = new ArrayList<>();
      for (String key : differing(byName.get(run.name()))) {
        if (words.size() < MOST_WORDS && run.setting(key) != null) {
          words.add(key + " " + SettingWords.of(key, run.setting(key)));
        }
      }
      String name = run.name() + (words.isEmpty() ? "" : " (" + String.join(", ", words) + ")");
      int nth = taken.merge(name, 1, Integer::sum);
      names.add(nth == 1 ? name : name + " (" + nth + ")");
    }
    return names;
  }
}
