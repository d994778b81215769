/**
 * Dictionaries as data: what one is, how one starts (random directions or active-subspace
 * initialisation, arXiv 2508.16929), and how one is kept on disk.
 */
package io.sluice.dictionary;
