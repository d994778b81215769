/**
 * The arithmetic of a low-rank sparse attention over a batch of contexts: {@link
 * io.sluice.lorsa.engine.LorsaEngine} runs forward and back with gradients in closed form and
 * updates weights by Adam, on any device of LibTorch. What a Lorsa is made of is in {@link
 * io.sluice.lorsa.engine.LorsaSpec}, {@link io.sluice.lorsa.engine.LorsaTensor} and {@link
 * io.sluice.lorsa.engine.LorsaWeights}.
 *
 * <p>Stores and files are in {@code io.sluice.lorsa}; engines of dictionaries in {@code
 * io.sluice.engine}.
 */
package io.sluice.lorsa.engine;
