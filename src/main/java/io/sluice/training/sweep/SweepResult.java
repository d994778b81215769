package io.sluice.training.sweep;

import io.sluice.training.run.RunResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The results of a sweep so far.
 *
 * @param hook the hook point
 * @param model whose activations, as the store names it
 * @param text over which text
 * @param grid its axes
 * @param cells its cells in order, trained or not
 * @param stabilities by the values that cells share, without the seed: the mean max cosine
 *     similarity between them; without an entry where it is not known
 */
public record SweepResult(
    String hook,
    String model,
    String text,
    Grid grid,
    List<Outcome> cells,
    Map<Map<Axis, String>, Double> stabilities) {
  /** Results of which no stability is known. */
  public SweepResult(String hook, String model, String text, Grid grid, List<Outcome> cells) {
    this(hook, model, text, grid, cells, Map.of());
  }

  /**
   * One cell.
   *
   * @param cell which
   * @param result how it ended, or null while it has not
   * @param failure why it could not be trained, or null
   */
  public record Outcome(SweepCell cell, RunResult result, String failure) {}

  /**
   * Cells that differ in nothing but their seed.
   *
   * @param values the values that they share, by axis
   * @param seeds how many of them have ended
   * @param heldOutFvu FVU on the tokens that were held out; null where a cell has none
   * @param heldOutTokens how many they are
   * @param fvu FVU over the last {@code fvuSteps} steps, on tokens that were trained on
   * @param deadWindowTokens the window of the dead fraction
   * @param stability mean over pairs of seeds of the mean max cosine similarity of decoder rows;
   *     null for one seed, or if it is not known
   */
  public record Group(
      Map<Axis, String> values,
      int seeds,
      Estimate deadFraction,
      Estimate heldOutFvu,
      long heldOutTokens,
      Estimate fvu,
      long fvuSteps,
      Estimate l0,
      Estimate tokensPerSecond,
      long deadWindowTokens,
      Double stability) {

    /** The FVU on held-out tokens, or, if nothing was held out, that of the last steps. */
    public Estimate bestFvu() {
      return heldOutFvu == null ? fvu : heldOutFvu;
    }
  }

  public SweepResult {
    cells = List.copyOf(cells);
    stabilities = Map.copyOf(stabilities);
  }

  /** What a cell shares with those of other seeds. */
  static Map<Axis, String> seedless(SweepCell cell) {
    Map<Axis, String> values = new LinkedHashMap<>(cell.values());
    values.remove(Axis.SEED);
    return values;
  }

  /** The cells that have ended, seeds together, in the order of the grid. */
  public List<Group> groups() {
    Map<Map<Axis, String>, List<RunResult>> bySeedless = new LinkedHashMap<>();
    for (Outcome outcome : cells) {
      if (outcome.result() != null) {
        bySeedless
            .computeIfAbsent(seedless(outcome.cell()), k -> new ArrayList<>())
            .add(outcome.result());
      }
    }
    List<Group> groups = new ArrayList<>();
    bySeedless.forEach(
        (values, results) ->
            groups.add(
                new Group(
                    values,
                    results.size(),
                    Estimate.of(results.stream().mapToDouble(RunResult::deadFraction).toArray()),
                    heldOutFvu(results),
                    results.getFirst().heldOutTokens(),
                    Estimate.of(results.stream().mapToDouble(RunResult::fvu).toArray()),
                    results.getFirst().fvuSteps(),
                    Estimate.of(results.stream().mapToDouble(RunResult::l0).toArray()),
                    Estimate.of(results.stream().mapToDouble(RunResult::tokensPerSecond).toArray()),
                    results.getFirst().deadWindowTokens(),
                    stabilities.get(values))));
    return groups;
  }

  private static Estimate heldOutFvu(List<RunResult> results) {
    return results.stream().anyMatch(result -> result.heldOutFvu() == null)
        ? null
        : Estimate.of(results.stream().mapToDouble(RunResult::heldOutFvu).toArray());
  }

  /** How many cells have ended. */
  public int done() {
    return (int) cells.stream().filter(outcome -> outcome.result() != null).count();
  }
}
