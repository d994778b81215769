/**
 * What commands found, as tables for a terminal and as JSON. Nothing here parses options or
 * computes anything that the library does not.
 */
package io.sluice.cli.results;
