/**
 * Stores that are not on a disk of this machine: reading their files through a cache that is
 * mapped, bounded and checked, and writing them from this disk. Any file system of Hadoop that an
 * installation of Spark finds will do. A driver makes a {@code StorePlace} or a {@code
 * CapturePlace} and sends it to its tasks, which need not know what kind it is. What a task
 * computes belongs in {@code io.sluice.spark} or below.
 *
 * <p>With {@code io.sluice.spark} the only package that uses Hadoop, whose classes come with Spark.
 */
package io.sluice.spark.storage;
