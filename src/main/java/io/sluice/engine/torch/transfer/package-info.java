/**
 * Copies between host memory and the device of an engine over LibTorch: batches from page-locked
 * memory, before their step ({@code TorchAhead}) or in it ({@code Staging}), and numbers by way of
 * memory that is reused. What is computed with them does not belong here.
 */
package io.sluice.engine.torch.transfer;
