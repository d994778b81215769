/**
 * The arithmetic of a low-rank sparse attention over a batch of contexts: {@link
 * io.sluice.lorsa.engine.LorsaEngine} runs the forward and backward pass with gradients in closed
 * form and updates weights with Adam, on any device of LibTorch. The shape and the weights of a
 * Lorsa are defined by {@link io.sluice.lorsa.engine.LorsaSpec}, {@link
 * io.sluice.lorsa.engine.LorsaTensor} and {@link io.sluice.lorsa.engine.LorsaWeights}.
 *
 * <p>Code that reads stores and files belongs in {@code io.sluice.lorsa}; engines of dictionaries
 * belong in {@code io.sluice.engine}.
 */
package io.sluice.lorsa.engine;
