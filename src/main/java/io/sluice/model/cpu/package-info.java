/**
 * Layers of models on the CPU, in float32, by Sluice's own kernels and the BLAS under LibTorch. A
 * model makes a {@link io.sluice.model.cpu.CpuLayer} of each of its layers, and {@link
 * io.sluice.model.cpu.CpuLayers} runs them. Nothing here knows an architecture; the kernels
 * themselves are in {@code io.sluice.simd.layers}.
 */
package io.sluice.model.cpu;
