/**
 * Reads and writes dictionaries of other libraries: SAELens, sparsify, Llamascopium and
 * dictionary_learning. Codes and reconstructions stay the same. Sluice's own format is in {@code
 * io.sluice.dictionary}.
 */
package io.sluice.dictionary.formats;
