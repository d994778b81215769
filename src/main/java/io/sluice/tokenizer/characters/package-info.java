/**
 * Characters as the {@code tokenizers} package knows them: kinds from its own tables, bytes as
 * printable characters, and a tree for finding the longest of many texts. Nothing here knows a
 * tokenizer.
 */
package io.sluice.tokenizer.characters;
