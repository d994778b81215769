/**
 * Products of bytes on the processor's int8 units, by LibTorch, and the check that they work on
 * this machine. What is computed from the products is in {@code io.sluice.simd.int8}; operators on
 * tensors do not belong here.
 */
package io.sluice.torch.int8;
