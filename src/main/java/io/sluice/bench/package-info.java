/**
 * What {@code sluice bench} measures: the speed of Sluice's kernels beside LibTorch's, or as a
 * share of the machine's peak.
 *
 * <p>One class for each benchmark; it makes its data, times both sides and prints a table. Results
 * are records that print their own lines. {@link io.sluice.bench.Benchmark.Setting} times the calls
 * alternately, so that other load slows all of them, and in processor time where there is one
 * thread. {@code MultiplyAddPeak} and {@code MemoryRead} measure the peak rates.
 *
 * <p>Measurements of single methods with a harness belong under {@code src/jmh}. Results, and how
 * to repeat them, are in {@code docs/performance.md}. Tests of correctness do not belong here.
 */
package io.sluice.bench;
