/**
 * What {@code sluice bench} measures: the speed of Sluice's kernels beside LibTorch's, or beside
 * what the machine can do at most.
 *
 * <p>One class for each benchmark; it makes its data, times both sides and prints a table. {@link
 * io.sluice.bench.Benchmark.Setting} times calls: in turns, so that whatever else runs slows all of
 * them, and in processor time where there is one thread. {@code MultiplyAddPeak} and {@code
 * MemoryRead} are the limits that shares are of.
 *
 * <p>Measurements of single methods with a harness stand under {@code src/jmh}; what was measured,
 * and how to repeat it, in {@code docs/performance.md}. A test that a result is right does not
 * belong here.
 */
package io.sluice.bench;
