/**
 * Options that several commands share, each declared once with one text. An option of a single
 * command belongs in the class of that command.
 */
package io.sluice.cli.options;
