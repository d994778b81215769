package io.sluice.training.run;

/**
 * The progress of a run; part of a checkpoint.
 *
 * @param step steps done
 * @param tokens tokens seen
 * @param seconds training time so far, over all sessions
 * @param tally sums since the last line of metrics
 */
public record RunPosition(long step, long tokens, double seconds, Tally tally) {}
