/**
 * Converts blocks of quantised weights, as GGUF files hold them, to float32: {@link
 * io.sluice.simd.blocks.BlockFormat}. Code that reads the files belongs in {@code
 * io.sluice.weights}.
 */
package io.sluice.simd.blocks;
