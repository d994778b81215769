package io.sluice.training.run;

/**
 * How far a run is; part of a checkpoint.
 *
 * @param step steps done
 * @param tokens tokens seen
 * @param seconds training time so far, over all sittings
 * @param tally sums since the last line of metrics
 */
public record RunPosition(long step, long tokens, double seconds, Tally tally) {}
