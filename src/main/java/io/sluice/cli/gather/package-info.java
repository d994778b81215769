/**
 * The pass of {@code sluice features} on the command line: its options. Options that other commands
 * have, too, are {@code io.sluice.cli.options}.
 */
package io.sluice.cli.gather;
