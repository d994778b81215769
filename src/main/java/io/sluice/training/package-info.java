/**
 * Training dictionaries. {@link io.sluice.training.Trainer} has the training step, over {@link
 * io.sluice.engine.Engine}, and the parts of it: estimated thresholds, annealed penalties,
 * resampling, the FVU on held-out tokens, checkpoints, and the export into a {@link
 * io.sluice.dictionary.Dictionary} for raw activations.
 *
 * <p>Configurations are in {@code config}, initialisation in {@code start}, run folders and the
 * training loop in {@code run}, and grids of runs in {@code sweep}. Lorsas are trained in {@code
 * io.sluice.lorsa.training}; the arithmetic of a step belongs in {@code io.sluice.engine}.
 */
package io.sluice.training;
