/**
 * Low-rank sparse attention (Lorsa, arXiv 2504.20938) as data: {@link io.sluice.lorsa.LorsaConfig}
 * names the hook points that it reads and writes, {@link io.sluice.lorsa.Lorsa} has its weights and
 * files, and {@link io.sluice.lorsa.ContextFeed} reads batches of contexts.
 *
 * <p>Everything else about Lorsas belongs in the packages below: {@code engine} computes, {@code
 * training} trains, {@code evaluation} measures, {@code features} gathers what heads fire on.
 */
package io.sluice.lorsa;
