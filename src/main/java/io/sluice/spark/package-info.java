/**
 * Commands whose work is spread over a cluster by Apache Spark; {@code bin/sluice-spark} starts
 * them with {@code spark-submit}. A command extends the one of {@code io.sluice.cli}, takes the
 * same options and prints the same results; it cuts the work into tasks and joins their results in
 * an order that does not depend on timing. What a task computes belongs to the library below, and
 * the training of a single dictionary does not belong here: it has nothing to cut.
 *
 * <p>Stores that are not in a folder that all machines see are read and written by {@code
 * .storage}; a task names one by a {@code StorePlace}. {@code .start} starts Spark, and says what
 * keeps it or its executors from starting.
 *
 * <p>The only package that uses Spark, whose classes come with its installation.
 */
package io.sluice.spark;
