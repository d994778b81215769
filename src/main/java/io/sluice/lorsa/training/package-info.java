/**
 * Training low-rank sparse attention on the contexts of a store: start from the model's own
 * attention, steps, checkpoints.
 */
package io.sluice.lorsa.training;
