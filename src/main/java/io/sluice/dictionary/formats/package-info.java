/**
 * Dictionaries of other libraries: reading and writing their folders so that a dictionary computes
 * what it computed there.
 */
package io.sluice.dictionary.formats;
