package io.sluice.training.sweep;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.config.TrainingConfigBuilder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The axes of a sweep and their values; its cells are all combinations.
 *
 * @param axes values by axis, in the given order; no axis is empty
 */
public record Grid(Map<Axis, List<String>> axes) {
  /** The most cells of one sweep. */
  public static final int MOST_CELLS = 4096;

  /**
   * Checks axes and values.
   *
   * @throws IllegalArgumentException if a value is none of its axis or is given twice, or there are
   *     more than {@value #MOST_CELLS} cells
   */
  public Grid {
    Map<Axis, List<String>> copy = new LinkedHashMap<>();
    long cells = 1;
    for (Map.Entry<Axis, List<String>> entry : axes.entrySet()) {
      List<String> values = List.copyOf(entry.getValue());
      if (values.isEmpty()) {
        throw new IllegalArgumentException("axis " + entry.getKey().label() + " has no values");
      }
      for (String value : values) {
        entry.getKey().require(value);
        if (Collections.frequency(values, value) > 1) {
          throw new IllegalArgumentException(
              "axis " + entry.getKey().label() + " has '" + value + "' twice");
        }
      }
      copy.put(entry.getKey(), values);
      cells = Math.min(cells * values.size(), Integer.MAX_VALUE);
    }
    if (cells > MOST_CELLS) {
      throw new IllegalArgumentException(
          "the grid has %,d cells, at most %,d are trained; leave out values"
              .formatted(cells, MOST_CELLS));
    }
    axes = Collections.unmodifiableMap(copy);
  }

  /**
   * The grid of texts like {@code init=random,asi}.
   *
   * @throws IllegalArgumentException if a text is none, an axis is unknown or given twice, or as
   *     the constructor says
   */
  public static Grid parse(List<String> texts) {
    Map<Axis, List<String>> axes = new LinkedHashMap<>();
    for (String text : texts) {
      int equals = text.indexOf('=');
      if (equals < 1 || equals == text.length() - 1) {
        throw new IllegalArgumentException(
            "'" + text + "' is not of the form axis=value,value, for instance init=random,asi");
      }
      Axis axis = Axis.ofLabel(text.substring(0, equals));
      if (axes.put(axis, List.of(text.substring(equals + 1).split(",", -1))) != null) {
        throw new IllegalArgumentException("axis " + axis.label() + " is given twice");
      }
    }
    return new Grid(axes);
  }

  /** The same for each of several hook points; for one, the same grid. */
  public Grid atEach(List<String> hooks) {
    if (hooks.size() == 1) {
      return this;
    }
    Map<Axis, List<String>> more = new LinkedHashMap<>();
    more.put(Axis.HOOK, hooks);
    more.putAll(axes);
    return new Grid(more);
  }

  /** The axes that differ between cells, in order. */
  public List<Axis> varied() {
    return axes.entrySet().stream()
        .filter(entry -> entry.getValue().size() > 1)
        .map(Map.Entry::getKey)
        .toList();
  }

  /**
   * All combinations, the last axis changing fastest, each applied to a new builder from {@code
   * base}. A penalty is left out where the activation has none, and so is k with ReLU; what is then
   * the same is one cell.
   *
   * @param tau share of the variance in active subspaces that are to be measured
   * @param deadAfter tokens without firing that make a feature dead for AuxK and resampling, 0 for
   *     the window of the dead fraction
   * @throws IllegalArgumentException if a combination is no configuration; the message names it
   */
  public List<SweepCell> cells(Supplier<TrainingConfigBuilder> base, double tau, long deadAfter) {
    List<Map<Axis, String>> combinations = List.of(Map.of());
    for (Map.Entry<Axis, List<String>> entry : axes.entrySet()) {
      List<Map<Axis, String>> longer = new ArrayList<>();
      for (Map<Axis, String> combination : combinations) {
        for (String value : entry.getValue()) {
          Map<Axis, String> one = new LinkedHashMap<>(combination);
          one.put(entry.getKey(), value);
          longer.add(one);
        }
      }
      combinations = longer;
    }
    Set<Map<Axis, String>> different = new LinkedHashSet<>();
    combinations.forEach(each -> different.add(fitted(each)));
    for (Axis axis : axes.keySet()) {
      if (different.stream().noneMatch(values -> values.containsKey(axis))) {
        throw new IllegalArgumentException(
            "axis %s cannot be combined with activation %s"
                .formatted(
                    axis.label(),
                    String.join(", ", axes.getOrDefault(Axis.ACTIVATION, List.of("topk")))));
      }
    }
    List<SweepCell> cells = new ArrayList<>();
    for (Map<Axis, String> values : different) {
      String name = name(values);
      try {
        cells.add(new SweepCell(name, values, configure(base.get(), values, tau, deadAfter)));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("cell " + name + ": " + e.getMessage(), e);
      }
    }
    return cells;
  }

  private static ActivationFunction activation(Map<Axis, String> values) {
    return ActivationFunctions.named(values.getOrDefault(Axis.ACTIVATION, "topk"));
  }

  /** Without what has no meaning to the cell's activation. */
  private Map<Axis, String> fitted(Map<Axis, String> values) {
    Map<Axis, String> own = new LinkedHashMap<>(values);
    own.keySet().retainAll(fitting(values));
    return own;
  }

  /** The axes on which a cell has a value, its activation's being known. */
  Set<Axis> fitting(Map<Axis, String> values) {
    Set<Axis> own = new LinkedHashSet<>(axes.keySet());
    ActivationFunction activation = activation(values);
    if (!activation.isPenalised()) {
      own.remove(Axis.PENALTY);
    }
    if (activation instanceof ReLU) {
      own.remove(Axis.K);
    }
    return own;
  }

  /** The name of a cell, unique in the sweep; the name of its folder. */
  private String name(Map<Axis, String> values) {
    List<String> parts = new ArrayList<>();
    for (Axis axis : varied()) {
      if (values.containsKey(axis)) {
        parts.add(axis.label() + "=" + values.get(axis));
      }
    }
    return parts.isEmpty() ? "cell" : String.join(",", parts);
  }

  private static TrainingConfig configure(
      TrainingConfigBuilder builder, Map<Axis, String> values, double tau, long deadAfter) {
    if (values.containsKey(Axis.BATCH)) {
      builder.batch(Integer.parseInt(values.get(Axis.BATCH)));
    }
    ActivationFunction activation = activation(values);
    if (activation.isPenalised() && !values.containsKey(Axis.PENALTY)) {
      throw new IllegalArgumentException(
          "activation %s needs a penalty; give its weight as an axis, for instance penalty=0.3"
              .formatted(activation.label()));
    }
    builder.activation(
        activation.label(), Double.parseDouble(values.getOrDefault(Axis.PENALTY, "0")), 0);
    int dInit = Integer.parseInt(values.getOrDefault(Axis.D_INIT, "0"));
    boolean random = values.getOrDefault(Axis.INIT, "asi").equals("random");
    builder.start(
        random ? new InitialDirections.Random() : new InitialDirections.ActiveSubspace(dInit, tau));
    Remedies remedies = Remedies.NONE;
    for (Map.Entry<Axis, String> entry : values.entrySet()) {
      String value = entry.getValue();
      boolean on = value.equals("on");
      switch (entry.getKey()) {
        case INIT, D_INIT, ACTIVATION, PENALTY, BATCH -> {}
        case HOOK -> builder.hook(value);
        case CENTRING -> builder.centre(on);
        case OPTIMISER -> builder.optimiser(Optimiser.ofLabel(value));
        case MOMENTS -> builder.moments(DType.ofLabel(value));
        case PRECISION -> builder.precision(DType.ofLabel(value));
        case NORMALISE -> builder.normalise(on);
        case NORM_SEARCH -> builder.normSearch(on);
        case WHITEN -> remedies = on ? remedies.whitened(Remedies.WHITEN_FLOOR) : remedies;
        case CONSTRAIN ->
            remedies =
                switch (value) {
                  case "off" -> remedies;
                  case "auto" -> remedies.constrainedTo(0, tau);
                  default -> remedies.constrainedTo(Integer.parseInt(value), tau);
                };
        case AUXK ->
            remedies =
                switch (value) {
                  case "off" -> remedies;
                  case "on" -> remedies.withAuxK(0, Remedies.AUX_WEIGHT);
                  default -> remedies.withAuxK(Integer.parseInt(value), Remedies.AUX_WEIGHT);
                };
        case RESAMPLE ->
            remedies =
                switch (value) {
                  case "off" -> remedies;
                  case "on" -> remedies.resampled(Math.max(1, builder.steps() / 8), 0);
                  default -> remedies.resampled(Long.parseLong(value), 0);
                };
        case FEATURES -> builder.features(Integer.parseInt(value));
        case K -> builder.k(Integer.parseInt(value));
        case LR -> builder.learningRate(Double.parseDouble(value));
        case SEED -> builder.seed(Long.parseLong(value));
      }
    }
    boolean waits = remedies.usesAuxK() || remedies.resampleEvery() > 0;
    return builder.remedies(waits ? remedies.deadAfter(deadAfter) : remedies).build();
  }
}
