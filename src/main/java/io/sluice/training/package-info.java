/**
 * Training dictionaries. {@link io.sluice.training.Trainer} has the one training step, over {@link
 * io.sluice.engine.Engine}, with what belongs to it: thresholds found on the way, annealed
 * penalties, resampling, the FVU on what is held out, checkpoints, and the export into a {@link
 * io.sluice.dictionary.Dictionary} of the raw activations.
 *
 * <p>What a run is told is in {@code config}, what it begins with in {@code start}, what all runs
 * have in common, whatever they train, in {@code run}, and grids of runs in {@code sweep}. Lorsas
 * are trained in {@code io.sluice.lorsa.training}; the arithmetic of a step is in {@code
 * io.sluice.engine}.
 */
package io.sluice.training;
