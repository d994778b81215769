/**
 * Vector API kernels over {@link java.lang.foreign.MemorySegment}s: what all of them share. {@link
 * io.sluice.simd.KernelProvider} chooses the width of the vectors once, at start. Nothing here
 * needs LibTorch or Arrow.
 *
 * <p>Each subject has a package of its own within this one. There an interface says what its
 * kernels compute, a scalar class defines it, and a class over the Vector API does it fast; only
 * that package uses them, and what it offers to others checks its arguments.
 *
 * <p>Three subjects multiply matrices with a tile of their own: second moments ({@code moments}),
 * encoders ({@code batch}) and layers ({@code layers}). One tile for all was written and measured,
 * and was slower: each keeps a different operand in registers.
 */
package io.sluice.simd;
