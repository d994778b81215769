/**
 * Layers of models on the CPU, in float32, with Sluice's kernels and LibTorch's BLAS. A model makes
 * a {@link io.sluice.model.cpu.CpuLayer} for each of its layers, and {@link
 * io.sluice.model.cpu.CpuLayers} runs them. Code for one architecture does not belong here; kernels
 * are in {@code io.sluice.simd.layers}.
 */
package io.sluice.model.cpu;
