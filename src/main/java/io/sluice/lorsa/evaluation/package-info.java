/**
 * Measures of a trained Lorsa: FVU and dead heads on the contexts of a store, and its output in the
 * place of the attention's while a language model runs. The measures themselves are in {@code
 * io.sluice.evaluation}, which dictionaries share.
 */
package io.sluice.lorsa.evaluation;
