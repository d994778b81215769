/**
 * Formats {@code --help}: a page as wide as the terminal, with examples and options under headings,
 * and suggestions for misspelt options. The text of an option stands where the option is declared,
 * not here. This package depends on no command.
 */
package io.sluice.cli.help;
