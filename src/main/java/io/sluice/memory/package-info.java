/**
 * The ground floor: what every package may use to hold numbers and to share out work. Nothing here
 * knows LibTorch, kernels, files or dictionaries.
 *
 * <ul>
 *   <li>{@link io.sluice.memory.DType} lists the element types, {@link io.sluice.memory.Rows} is a
 *       matrix of them in memory that someone else owns.
 *   <li>{@link io.sluice.memory.ScratchArrays} and {@link io.sluice.memory.GrowingMemory} are for
 *       scratch space that is kept from call to call; no class grows an array by hand. {@link
 *       io.sluice.memory.PerThread} gives each thread its own.
 *   <li>{@link io.sluice.memory.Workers} shares numbered tasks out to threads.
 *   <li>{@link io.sluice.memory.HugeMemory} is memory for large weights.
 *   <li>{@link io.sluice.memory.LiveMemory} and {@link io.sluice.memory.NativeMemory} are for loops
 *       that read memory by address: the first keeps it from being freed, the second checks it.
 * </ul>
 *
 * <p>What computes with numbers is a kernel and belongs to {@code io.sluice.simd}; a tensor with an
 * owner and a device belongs to {@code io.sluice.torch}.
 */
package io.sluice.memory;
