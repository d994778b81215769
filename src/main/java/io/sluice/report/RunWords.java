package io.sluice.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The settings of runs that decide what comes out, as words. What all runs have in common is said
 * once; of each run, what is its own.
 *
 * @param shared what all have in common; empty for one run, or if nothing is
 * @param own of each run, in their order; empty where all is shared
 */
record RunWords(String shared, List<String> own) {
  private static final Map<String, String> ACTIVATIONS =
      Map.of(
          "topk", "TopK",
          "abstopk", "AbsTopK",
          "batchtopk", "BatchTopK",
          "relu", "ReLU",
          "jumprelu", "JumpReLU",
          "gated", "gated",
          "matching_pursuit", "matching pursuit");

  /** Activation functions whose k is a number of features; for the others it decides nothing. */
  private static final List<String> WITH_K = List.of("topk", "abstopk", "batchtopk");

  private static final Map<String, String> OPTIMISERS =
      Map.of("adam", "Adam", "sparse-adam", "SparseAdam");

  /** The words of runs. */
  static RunWords of(List<TrainingRun> runs) {
    List<Map<String, String>> all = runs.stream().map(RunWords::phrases).toList();
    if (runs.size() < 2) {
      return new RunWords("", all.stream().map(phrases -> sentence(phrases.values())).toList());
    }
    Map<String, String> common = new LinkedHashMap<>(all.getFirst());
    for (Map<String, String> phrases : all) {
      common.entrySet().removeIf(entry -> !entry.getValue().equals(phrases.get(entry.getKey())));
    }
    List<String> own = new ArrayList<>();
    for (Map<String, String> phrases : all) {
      Map<String, String> rest = new LinkedHashMap<>(phrases);
      rest.keySet().removeAll(common.keySet());
      own.add(sentence(rest.values()));
    }
    return new RunWords(sentence(common.values()), own);
  }

  private static String sentence(Iterable<String> phrases) {
    return String.join(", ", phrases);
  }

  /** What is said of a run, by subject, in order of its weight. */
  private static Map<String, String> phrases(TrainingRun run) {
    Phrases said = new Phrases(run);
    said.put("size", size(run));
    said.put("activation", activation(run));
    said.put("nested", run.setting("prefixes") == null ? null : nested(run.setting("prefixes")));
    said.put("start", start(run));
    said.put("centre", centre(run));
    said.put("penalty", penalty(run));
    said.put("whiten", isOn(run, "remedies.whiten") ? "whitened" : null);
    said.put(
        "constrain",
        isOn(run, "remedies.constrain")
            ? "trained in " + dimensions(run, "trainedDimensions") + " alone"
            : null);
    said.put("auxk", auxK(run));
    said.put("resampling", resampling(run));
    said.put("optimiser", optimiser(run));
    said.put("precision", precision(run));
    said.put("length", length(run));
    said.put("place", place(run));
    said.put("data", run.setting("text") == null ? null : "over " + run.setting("text"));
    return said.phrases;
  }

  /** Leaves out what the file does not say. */
  private static final class Phrases {
    final Map<String, String> phrases = new LinkedHashMap<>();

    Phrases(TrainingRun run) {
      String kind = run.setting("kind.type");
      if (kind != null && !kind.equals("autoencoder")) {
        phrases.put("kind", kind.replace('_', '-'));
      }
    }

    void put(String subject, String phrase) {
      if (phrase != null) {
        phrases.put(subject, phrase);
      }
    }
  }

  private static String size(TrainingRun run) {
    String features = run.setting("features");
    if (features != null) {
      return count(features) + " features";
    }
    String heads = run.setting("heads");
    return heads == null ? null : count(heads) + " heads";
  }

  private static String activation(TrainingRun run) {
    String label = run.setting("activation");
    String k = run.setting("k");
    if (label == null) {
      return k == null ? null : "k " + count(k);
    }
    String name = ACTIVATIONS.getOrDefault(label, label);
    if (label.equals("matching_pursuit") && k != null) {
      return name + " of at most " + count(k) + " features";
    }
    return WITH_K.contains(label) && k != null ? name + " with k " + count(k) : name;
  }

  private static String nested(String prefixes) {
    String sizes = prefixes.replaceAll("[\\[\\]\\s]", "");
    if (sizes.isEmpty()) {
      return null;
    }
    List<String> counts = new ArrayList<>();
    for (String size : sizes.split(",")) {
      counts.add(count(size));
    }
    return "nested at " + String.join(" and ", counts);
  }

  private static String start(TrainingRun run) {
    String init = run.setting("init");
    return switch (init) {
      case null -> null;
      case "asi" -> "started in the active subspace" + subspace(run);
      case "random" -> "started in random directions";
      default -> "started by " + init;
    };
  }

  private static String subspace(TrainingRun run) {
    String found = run.setting("subspaceDimensions");
    String asked = run.setting("dInit");
    String known = found != null && !found.equals("0") ? found : asked;
    if (known != null && !known.equals("0")) {
      return " of " + count(known) + " dimensions";
    }
    String tau = run.setting("tau");
    return tau == null ? "" : " that holds " + percent(tau) + " of the variance";
  }

  private static String centre(TrainingRun run) {
    String centre = run.setting("centre");
    return centre == null ? null : centre.equals("true") ? "centred" : "not centred";
  }

  private static String penalty(TrainingRun run) {
    String weight = run.setting("penalty");
    if (weight == null || isZero(weight)) {
      return null;
    }
    String kind = run.setting("penaltyKind");
    return "a penalty of " + shortened(weight) + (kind == null ? "" : " (" + kind + ")");
  }

  private static String auxK(TrainingRun run) {
    if (!isOn(run, "remedies.revive")) {
      return null;
    }
    String k = run.setting("remedies.auxK");
    return k == null || isZero(k)
        ? "AuxK with as many features as half the width"
        : "AuxK with " + count(k) + " features";
  }

  private static String resampling(TrainingRun run) {
    String every = run.setting("remedies.resampleEvery");
    return every == null || isZero(every)
        ? null
        : "dead features resampled every " + count(every) + " steps";
  }

  private static String optimiser(TrainingRun run) {
    String label = run.setting("optimiser");
    String rate = first(run, "learningRate", "schedule.learningRate");
    if (label == null) {
      return rate == null ? null : "learning rate " + shortened(rate);
    }
    String name = OPTIMISERS.getOrDefault(label, label);
    return rate == null ? name : name + " at " + shortened(rate);
  }

  private static String precision(TrainingRun run) {
    List<String> reduced = new ArrayList<>();
    for (String key : List.of("precision", "moments")) {
      String value = run.setting(key);
      if (value != null && !value.equals("float32")) {
        reduced.add(key + " in " + value);
      }
    }
    return reduced.isEmpty() ? null : String.join(", ", reduced);
  }

  private static String length(TrainingRun run) {
    String steps = first(run, "steps", "schedule.steps");
    if (steps == null) {
      return null;
    }
    String batch = run.setting("batch");
    String contexts = run.setting("schedule.contexts");
    return count(steps)
        + " steps"
        + (batch != null
            ? " of " + count(batch) + " tokens"
            : contexts != null ? " of " + count(contexts) + " contexts" : "");
  }

  /** How far a run is that has no result; null if it has one. */
  static String going(TrainingRun run) {
    if (run.result() != null) {
      return null;
    }
    long step = run.metrics().isEmpty() ? 0 : run.metrics().getLast().step();
    String steps = first(run, "steps", "schedule.steps");
    return String.format(
        Locale.ROOT,
        "Not at its end: step %,d%s.",
        step,
        steps == null ? "" : " of " + count(steps));
  }

  private static String place(TrainingRun run) {
    String hook = run.setting("hook");
    String target = run.setting("kind.target");
    if (hook == null) {
      String input = run.setting("inputHook");
      return input == null ? null : "from " + input + " to " + run.setting("outputHook");
    }
    return target == null ? "of " + hook : "from " + hook + " to " + target;
  }

  private static String dimensions(TrainingRun run, String key) {
    String found = run.setting(key);
    return found == null || isZero(found)
        ? "the leading dimensions"
        : "the " + count(found) + " leading dimensions";
  }

  private static String first(TrainingRun run, String key, String otherwise) {
    String value = run.setting(key);
    return value == null ? run.setting(otherwise) : value;
  }

  private static boolean isOn(TrainingRun run, String key) {
    return "true".equals(run.setting(key));
  }

  private static boolean isZero(String value) {
    try {
      return Double.parseDouble(value) == 0;
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** A whole number with separators; any other text as it is. */
  private static String count(String value) {
    try {
      return String.format(Locale.ROOT, "%,d", Long.parseLong(value));
    } catch (NumberFormatException e) {
      return value;
    }
  }

  /** A number without needless digits; any other text as it is. */
  private static String shortened(String value) {
    try {
      double number = Double.parseDouble(value);
      return number == Math.rint(number) && Math.abs(number) < 1e9
          ? String.valueOf((long) number)
          : String.valueOf(number).replace(".0E", "e").replace("E", "e");
    } catch (NumberFormatException e) {
      return value;
    }
  }

  private static String percent(String share) {
    try {
      double value = 100 * Double.parseDouble(share);
      return String.format(Locale.ROOT, value == Math.rint(value) ? "%.0f %%" : "%.1f %%", value);
    } catch (NumberFormatException e) {
      return share;
    }
  }
}
