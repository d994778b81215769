/**
 * Parts of {@code sluice features}: the options and the work of its questions about a folder of
 * features. The command itself is in {@code io.sluice.cli}; what a feature looks like in a terminal
 * is in {@code io.sluice.cli.results}.
 */
package io.sluice.cli.features;
