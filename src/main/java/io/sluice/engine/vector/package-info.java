/**
 * The arithmetic of the CPU, over the kernels of {@code simd.batch}; needs no LibTorch. {@link
 * io.sluice.engine.vector.VectorArithmetic} is the whole; parameters, the batch, selection,
 * decoding and update are its parts. Kernels themselves are not here.
 */
package io.sluice.engine.vector;
