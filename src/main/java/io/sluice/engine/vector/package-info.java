/**
 * The arithmetic on the CPU, over the kernels of {@code simd.batch}. It needs no LibTorch. {@link
 * io.sluice.engine.vector.VectorArithmetic} is the entry point. Its parts are {@code
 * VectorParameters} (weights and moments), {@code VectorBatch}, {@code VectorSelection} (encoding),
 * {@code VectorDecoding}, and {@code VectorUpdate}, which has the loop over the rows that a step of
 * Adam moves. Kernels do not belong here.
 */
package io.sluice.engine.vector;
