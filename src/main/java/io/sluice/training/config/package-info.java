/**
 * The configuration of a run, as records that check their values: {@link
 * io.sluice.training.config.TrainingConfig} and its parts. {@link io.sluice.training.config.Kind}
 * defines the hook points that a dictionary reads and writes, {@link
 * io.sluice.training.config.InitialDirections} the initial directions of its features, {@link
 * io.sluice.training.config.Schedule} the steps, the batch size and the learning rate.
 *
 * <p>Options of the command line belong in {@code io.sluice.cli.options}; the configuration of a
 * trained dictionary is {@link io.sluice.dictionary.DictionaryConfig}.
 */
package io.sluice.training.config;
