/**
 * What a run is told, as records that check themselves: {@link
 * io.sluice.training.config.TrainingConfig} and its parts. {@link io.sluice.training.config.Kind}
 * says what a dictionary reads and writes, {@link io.sluice.training.config.InitialDirections}
 * where its features point at first, {@link io.sluice.training.config.Schedule} how long it is
 * trained and in which steps.
 *
 * <p>Options of the command line belong to {@code io.sluice.cli.options}; what a trained dictionary
 * is, to {@link io.sluice.dictionary.DictionaryConfig}.
 */
package io.sluice.training.config;
