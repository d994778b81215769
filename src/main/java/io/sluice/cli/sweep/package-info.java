/**
 * What {@code sluice sweep} trains: its options for a grid, and the cells that follow from them.
 */
package io.sluice.cli.sweep;
