/**
 * Options that several commands share, each declared once with one text. An option that only one
 * command has stands in that command.
 */
package io.sluice.cli.options;
