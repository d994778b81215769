/**
 * Blocks of quantised weights, as GGUF files have them, to float32: {@link
 * io.sluice.simd.blocks.BlockFormat}. Reading the files belongs to {@code io.sluice.weights}.
 */
package io.sluice.simd.blocks;
