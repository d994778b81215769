/**
 * Low-rank sparse attention as data: what it reads and writes, its weights, its files, and batches
 * of contexts to run it on.
 */
package io.sluice.lorsa;
