/**
 * What all commands share: the superclass of commands, progress lines, the terminal, errors of one
 * line, and the version. Nothing here belongs to one command.
 */
package io.sluice.cli.console;
