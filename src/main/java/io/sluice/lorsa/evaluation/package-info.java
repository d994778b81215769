/**
 * Measures of a trained Lorsa: FVU and dead heads on the contexts of a store, and the loss of a
 * language model in which its output replaces the attention's. Measures that dictionaries share
 * belong in {@code io.sluice.evaluation}.
 */
package io.sluice.lorsa.evaluation;
