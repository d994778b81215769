/**
 * What {@code sluice train} trains: its options for a dictionary, the configuration that follows
 * from them, and the dictionaries that are trained while a model runs.
 */
package io.sluice.cli.train;
