/**
 * Stores that are not on a disk of this machine: reading their files through a cache that is
 * mapped, bounded and checked, and writing them from this disk. Any file system of Hadoop that an
 * installation of Spark finds will do. Nothing here knows a command or a task of Spark; what a task
 * needs of it belongs in {@code io.sluice.spark}.
 *
 * <p>With {@code io.sluice.spark} the only package that uses Hadoop, whose classes come with Spark.
 */
package io.sluice.spark.storage;
