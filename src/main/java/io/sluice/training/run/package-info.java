/**
 * What every run has, whether it trains a dictionary or a Lorsa. {@link
 * io.sluice.training.run.RunFolder} is its folder, locked while it is open, with {@code run.json}
 * and {@code metrics.jsonl}; {@link io.sluice.training.run.StateFile} is a checkpoint; {@link
 * io.sluice.training.run.RunLoop} counts steps, writes metrics and checkpoints when they are due,
 * stops on request, and writes the export and the result at the end.
 *
 * <p>The model that is trained and its training step belong in {@code io.sluice.training} and
 * {@code io.sluice.lorsa.training}.
 */
package io.sluice.training.run;
