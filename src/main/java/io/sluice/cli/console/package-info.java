/**
 * What all commands share: their superclass, progress lines, the terminal, one-line errors, and the
 * version. Code for a single command does not belong here.
 */
package io.sluice.cli.console;
