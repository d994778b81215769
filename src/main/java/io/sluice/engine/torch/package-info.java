/**
 * The arithmetic over LibTorch, on a CPU or a GPU. {@link io.sluice.engine.torch.TorchArithmetic}
 * is the entry point; the other classes are its parts. The selection finds candidate features by
 * low-precision products on matrix units; {@code EncoderProduct} has the product of an engine in
 * bfloat16. Codes, groups, gradients, learned thresholds and gates, penalties, Adam and clocks are
 * tensors on the device; {@code TorchBatch} has those of one batch. Copies between host and device
 * are in {@code transfer}. Wrappers of LibTorch itself do not belong here: they are in {@code
 * io.sluice.torch}.
 */
package io.sluice.engine.torch;
