/**
 * The life of a run, whatever it trains. {@link io.sluice.training.run.RunFolder} is its folder,
 * locked while it is open, with {@code run.json} and {@code metrics.jsonl}; {@link
 * io.sluice.training.run.StateFile} is a checkpoint; {@link io.sluice.training.run.RunLoop} counts
 * steps, writes metrics and checkpoints when they are due, stops when asked, and ends with the
 * export and the result.
 *
 * <p>What is trained, and how a step goes, belongs to the trainers, in {@code io.sluice.training}
 * and {@code io.sluice.lorsa.training}.
 */
package io.sluice.training.run;
