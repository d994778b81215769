/**
 * Grids of runs. {@link io.sluice.training.sweep.Grid} makes one configuration for each combination
 * of the values of its axes; {@link io.sluice.training.sweep.Sweep} trains them, several on each
 * batch, each as an ordinary run in its own folder; {@link io.sluice.training.sweep.SweepResult}
 * holds the results, and {@link io.sluice.training.sweep.CauseShares} the share of dead features
 * that each axis accounts for.
 *
 * <p>Pages and charts of sweeps belong in {@code io.sluice.report}.
 */
package io.sluice.training.sweep;
