/**
 * Options that say how texts are read, shared by the options of several commands: which field of a
 * record is the text, how they are cut into contexts, and with which token these begin. Which texts
 * is in {@code io.sluice.cli.options}.
 */
package io.sluice.cli.options.texts;
