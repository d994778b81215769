/**
 * Training while a model runs: its activations go through a ring of shards on disk, window by
 * window, and no store is made. What a run trains belongs to {@code io.sluice.training}, and how a
 * model is captured to {@code io.sluice.model.capture}.
 */
package io.sluice.training.stream;
