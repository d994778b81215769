/**
 * Training a low-rank sparse attention on the contexts of a store: what is told, the start from the
 * model's own attention, the step, and the export. {@link io.sluice.lorsa.training.LorsaTrainer} is
 * the way in.
 *
 * <p>The life of the run (folder, metrics, checkpoints) is in {@code io.sluice.training.run}, which
 * dictionaries share.
 */
package io.sluice.lorsa.training;
