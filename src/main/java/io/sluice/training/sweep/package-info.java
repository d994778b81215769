/**
 * Grids of runs. {@link io.sluice.training.sweep.Grid} makes configurations of axes and their
 * values; {@link io.sluice.training.sweep.Sweep} trains them, several on each batch, every one as
 * an ordinary run in a folder of its own; {@link io.sluice.training.sweep.SweepResult} is what they
 * have found, with {@link io.sluice.training.sweep.CauseShares} for what each axis accounts for.
 *
 * <p>Pages and charts of sweeps belong to {@code io.sluice.report}.
 */
package io.sluice.training.sweep;
