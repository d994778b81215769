/**
 * The settings of an engine, as values: the shape and options of a dictionary, penalties, an
 * optimiser's step, parameters, and the names of tensors. Code that computes or depends on an
 * engine does not belong here.
 */
package io.sluice.engine.spec;
