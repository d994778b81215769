package io.sluice.lorsa.training;

import io.sluice.store.HeldOut;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Schedule;
import java.util.Objects;

/**
 * Everything that decides how a Lorsa is trained. The same configuration, store, model and device
 * give the same weights, bit for bit.
 *
 * @param inputHook column of what attention reads, for instance {@code layers.9.attn_in}
 * @param outputHook column of what it writes, for instance {@code layers.9.attn_out}
 * @param heads number of heads, a multiple of {@code groups}
 * @param groups sets of queries and keys, a multiple of the model's heads, from which they start in
 *     turn; 0 for as many as the model has heads
 * @param k heads that stay at a position
 * @param scoreByOutputNorm whether the score of a head is its activation times the norm of their
 *     output direction
 * @param start the initial output directions: random, with random values; or in the active subspace
 *     of the output of the model's head, with values computed from that head
 * @param centre whether the output's bias starts at the target's mean, and value biases so that
 *     each head's mean activation is 0; otherwise all start at 0
 * @param normalise whether input and target are scaled, by one number each, so that their mean
 *     norms are {@code sqrt(d)}; the numbers are folded into the exported weights
 * @param fromPosition the first position that is trained on and measured: those before are read
 * @param schedule length, steps and learning rate
 * @param seed determines the random directions and the order of the data
 * @param sampleTokens tokens that means, scales, subspaces and norm are estimated from
 * @param heldOut share of the tokens that is held out in whole contexts, never trained on, and
 *     measured at the end, by the rule of {@link HeldOut}; 0 for none
 */
public record LorsaTrainingConfig(
    String inputHook,
    String outputHook,
    int heads,
    int groups,
    int k,
    boolean scoreByOutputNorm,
    InitialDirections start,
    boolean centre,
    boolean normalise,
    int fromPosition,
    Schedule schedule,
    long seed,
    int sampleTokens,
    double heldOut) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or two do not fit each other
   */
  public LorsaTrainingConfig {
    Objects.requireNonNull(inputHook, "input hook");
    Objects.requireNonNull(outputHook, "output hook");
    Objects.requireNonNull(start, "start");
    Objects.requireNonNull(schedule, "schedule");
    Schedule.atLeast("heads", heads, 1);
    Schedule.atLeast("groups", groups, 0);
    Schedule.atLeast("k", k, 1);
    Schedule.atLeast("the first position", fromPosition, 0);
    Schedule.atLeast("sample tokens", sampleTokens, 1);
    if (!(heldOut >= 0 && heldOut <= HeldOut.LARGEST_SHARE)) {
      throw new IllegalArgumentException(
          "the share to hold out must be from 0 to %s, not %s"
              .formatted(HeldOut.LARGEST_SHARE, heldOut));
    }
    if (k > heads) {
      throw new IllegalArgumentException("k (" + k + ") is more than the " + heads + " heads");
    }
    if (groups > 0 && heads % groups != 0) {
      throw new IllegalArgumentException(
          heads + " heads are not whole groups of " + groups + "; give a multiple");
    }
  }

  /**
   * A configuration for one layer with defaults for all else: ASI, centred, normalised, every
   * position.
   */
  public static LorsaTrainingConfig of(int layer, int heads, int k, Schedule schedule) {
    String at = "layers." + layer + ".";
    return new LorsaTrainingConfig(
        at + "attn_in",
        at + "attn_out",
        heads,
        0,
        k,
        false,
        new InitialDirections.ActiveSubspace(0, 0.99),
        true,
        true,
        0,
        schedule,
        0,
        16384,
        HeldOut.USUAL_SHARE);
  }

  /** The same with another start. */
  public LorsaTrainingConfig withStart(InitialDirections other) {
    return new LorsaTrainingConfig(
        inputHook,
        outputHook,
        heads,
        groups,
        k,
        scoreByOutputNorm,
        other,
        centre,
        normalise,
        fromPosition,
        schedule,
        seed,
        sampleTokens,
        heldOut);
  }

  /** The same with another schedule. */
  LorsaTrainingConfig withSchedule(Schedule other) {
    return new LorsaTrainingConfig(
        inputHook,
        outputHook,
        heads,
        groups,
        k,
        scoreByOutputNorm,
        start,
        centre,
        normalise,
        fromPosition,
        other,
        seed,
        sampleTokens,
        heldOut);
  }

  /** The same, trained from another position on. */
  public LorsaTrainingConfig withFromPosition(int position) {
    return new LorsaTrainingConfig(
        inputHook,
        outputHook,
        heads,
        groups,
        k,
        scoreByOutputNorm,
        start,
        centre,
        normalise,
        position,
        schedule,
        seed,
        sampleTokens,
        heldOut);
  }
}
