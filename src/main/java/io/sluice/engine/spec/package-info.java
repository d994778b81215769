/**
 * What an engine is told, as plain values: the shape and options of a dictionary, penalties, an
 * optimiser's step, parameters, and the names of tensors. Nothing here computes a product or knows
 * an engine.
 */
package io.sluice.engine.spec;
