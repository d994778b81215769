/**
 * Vector API kernels over {@link java.lang.foreign.MemorySegment}s: packed panels, the matrix tile
 * that every dense product here is made of, and the streaming second moments built on it. Nothing
 * here needs LibTorch or Arrow.
 *
 * <p>{@link io.sluice.simd.Kernels} is the specification, {@link io.sluice.simd.ScalarKernels} its
 * plain reference, {@link io.sluice.simd.VectorKernels} the fast twin, and {@link
 * io.sluice.simd.KernelProvider} chooses one of them once, at start.
 */
package io.sluice.simd;
