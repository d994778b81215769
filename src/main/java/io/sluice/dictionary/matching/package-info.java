/**
 * Finds the rows of one dictionary that are most similar to the rows of another, without a matrix
 * of all pairs. What the similarities mean, and measurements on activations, belong elsewhere
 * ({@code io.sluice.features.compare}).
 */
package io.sluice.dictionary.matching;
