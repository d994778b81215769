/**
 * The start of Spark and of the first executor, and what keeps them from it.
 *
 * <p>The only package that uses Kubernetes' client, whose classes come with Spark and are loaded
 * only where Kubernetes is the cluster.
 */
package io.sluice.spark.start;
