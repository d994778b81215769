/**
 * Compares the features of two dictionaries: which are the same by decoder cosine and by firing on
 * the same tokens, and where those that are not the same lie. Searching for similar rows belongs to
 * {@code io.sluice.dictionary.matching}, printing to {@code io.sluice.cli}.
 */
package io.sluice.features.compare;
