/**
 * Options that say how texts are read, shared by the options of several commands: which field of a
 * record is the text, and with which token contexts begin. Which texts, and how they are cut, is in
 * {@code io.sluice.cli.options}.
 */
package io.sluice.cli.options.texts;
