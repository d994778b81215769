package io.sluice.audit;

import java.util.List;

/**
 * The audit of one dictionary.
 *
 * @param name what it is called
 * @param features how many features it has
 * @param width of what it reads
 * @param activation its activation function, as its label says
 * @param promise what its files and its name say
 * @param outcome what was found
 * @param sentence the same in a sentence that begins with a verb, with the numbers
 * @param configured measured as its configuration says; null if the model has no such place
 * @param fitting measured where it fits; null if it fits nowhere
 * @param trials all that was tried, on the tokens of the search
 */
public record Finding(
    String name,
    int features,
    int width,
    String activation,
    Promise promise,
    Outcome outcome,
    String sentence,
    Measured configured,
    Measured fitting,
    List<TrialResult> trials) {
  /** Copies the list. */
  public Finding {
    trials = List.copyOf(trials);
  }

  /** Where it fits, or else as its configuration says; null if neither was measured. */
  public Measured place() {
    return fitting != null ? fitting : configured;
  }
}
