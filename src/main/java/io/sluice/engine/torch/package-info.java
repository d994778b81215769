/**
 * The arithmetic over LibTorch, on a CPU or a GPU. {@link io.sluice.engine.torch.TorchArithmetic}
 * is the whole. Its selection has the screens that propose features by products on matrix units;
 * codes, groups, gradients, Adam and clocks are tensors on the device; what goes between host and
 * device is in transfer, staging and scratch.
 */
package io.sluice.engine.torch;
