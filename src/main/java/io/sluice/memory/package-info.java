/**
 * Memory for numeric data, and threads: what every package may use. Nothing here depends on another
 * package. Code that knows LibTorch, kernels, files or dictionaries does not belong here.
 *
 * <ul>
 *   <li>{@link io.sluice.memory.DType} lists the element types, {@link io.sluice.memory.Rows} is a
 *       matrix of them in memory that the caller owns.
 *   <li>{@link io.sluice.memory.ScratchArrays} and {@link io.sluice.memory.GrowingMemory} are
 *       scratch memory that is reused from call to call; no class grows an array itself. {@link
 *       io.sluice.memory.PerThread} gives each thread its own instance.
 *   <li>{@link io.sluice.memory.Workers} runs numbered tasks on several threads.
 *   <li>{@link io.sluice.memory.HugeMemory} is memory for large weights.
 *   <li>{@link io.sluice.memory.LiveMemory} and {@link io.sluice.memory.NativeMemory} are for loops
 *       that read memory by address: the first keeps the memory from being freed during the loop,
 *       the second checks its size and access.
 * </ul>
 *
 * <p>Kernels, which compute, belong in {@code io.sluice.simd}; tensors, which have an owner and a
 * device, belong in {@code io.sluice.torch}.
 */
package io.sluice.memory;
