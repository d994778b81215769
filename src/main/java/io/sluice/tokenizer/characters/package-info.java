/**
 * Characters as the {@code tokenizers} package knows them: their categories from its own tables,
 * bytes as printable characters, and a trie that finds the longest of many texts. Code that depends
 * on a tokenizer does not belong here.
 */
package io.sluice.tokenizer.characters;
