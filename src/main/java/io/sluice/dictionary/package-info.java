/**
 * Dictionaries as data: configuration and weights, files, initialisers (random directions and
 * active-subspace initialisation, arXiv 2508.16929), batches of their inputs and targets, and
 * {@link io.sluice.dictionary.SparseEncoder} for services. Formats of other libraries are in {@code
 * formats}; training is in {@code training}, the arithmetic in {@code engine}.
 */
package io.sluice.dictionary;
