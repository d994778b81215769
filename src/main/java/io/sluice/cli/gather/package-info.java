/**
 * The pass of {@code sluice features} on the command line: its options, and how many tokens are
 * encoded at once, here and in {@code evaluate}. Options that other commands have, too, are {@code
 * io.sluice.cli.options}.
 */
package io.sluice.cli.gather;
