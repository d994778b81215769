/**
 * Products of bytes on the processor's int8 units, by LibTorch, and the check that they work on
 * this machine. The bounds that are computed from these products are in {@code
 * io.sluice.simd.int8}. Operators on tensors are in {@code io.sluice.torch}.
 */
package io.sluice.torch.int8;
