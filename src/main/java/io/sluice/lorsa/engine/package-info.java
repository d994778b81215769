/**
 * Low-rank sparse attention over a batch of contexts: forward, gradients in closed form, Adam. What
 * is here knows tensors and weights, and neither stores nor models.
 */
package io.sluice.lorsa.engine;
