/**
 * Training a low-rank sparse attention on the contexts of a store: the configuration, the
 * initialisation from the model's own attention, the training step, and the export. {@link
 * io.sluice.lorsa.training.LorsaTrainer} is the entry point.
 *
 * <p>The run folder, metrics and checkpoints, which dictionaries share, belong in {@code
 * io.sluice.training.run}.
 */
package io.sluice.lorsa.training;
