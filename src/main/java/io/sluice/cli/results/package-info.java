/**
 * Prints the results of commands, as tables for a terminal and as JSON. Code that parses options or
 * computes results does not belong here.
 */
package io.sluice.cli.results;
