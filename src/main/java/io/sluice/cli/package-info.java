/**
 * The commands of {@code sluice}, one class each, and {@link io.sluice.cli.Main}. A command parses
 * its options, calls the library, and prints the result; it computes nothing itself. Options that
 * several commands share are in {@code options}; terminal, progress and errors are in {@code
 * console}.
 */
package io.sluice.cli;
