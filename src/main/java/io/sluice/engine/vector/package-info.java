/**
 * The arithmetic on the CPU, over the kernels of {@code simd.batch}. It needs no LibTorch. {@link
 * io.sluice.engine.vector.VectorArithmetic} is the entry point; parameters, batch, selection,
 * decoding and update are its parts. Kernels do not belong here.
 */
package io.sluice.engine.vector;
