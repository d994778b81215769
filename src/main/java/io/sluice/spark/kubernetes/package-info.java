/**
 * What Kubernetes says of pods of executors that do not start. Loaded only where Kubernetes is the
 * cluster.
 *
 * <p>The only package that uses Kubernetes' client, whose classes come with Spark.
 */
package io.sluice.spark.kubernetes;
