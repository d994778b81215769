/**
 * The activation functions of dictionaries: which features of a token stay in its code. Each has a
 * file with its settings and how these are kept in files; {@link
 * io.sluice.engine.activation.ActivationFunctions} finds them by name. What computes them does not
 * belong here: that is an engine's.
 */
package io.sluice.engine.activation;
