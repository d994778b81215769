/**
 * The activation functions of dictionaries. An activation function selects which features of a
 * token are active. Each has one class, with its settings and how they are written to files. {@link
 * io.sluice.engine.activation.ActivationFunctions} finds one by name. Code that computes them does
 * not belong here: it is in the engines.
 */
package io.sluice.engine.activation;
