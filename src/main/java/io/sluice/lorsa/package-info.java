/**
 * Low-rank sparse attention (Lorsa, arXiv 2504.20938) as data: {@link io.sluice.lorsa.LorsaConfig}
 * says what one reads and writes, {@link io.sluice.lorsa.Lorsa} has its weights and files, and
 * {@link io.sluice.lorsa.ContextFeed} gives batches of contexts to run it on.
 *
 * <p>Everything else about Lorsas is in the packages below: {@code engine} computes, {@code
 * training} trains, {@code evaluation} measures.
 */
package io.sluice.lorsa;
