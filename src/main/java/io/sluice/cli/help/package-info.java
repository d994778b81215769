/**
 * What {@code --help} shows: a page as wide as the terminal, with options under headings and
 * examples, and the other spellings of options. Texts of options stand where options are declared;
 * this package lays them out and knows no command.
 */
package io.sluice.cli.help;
