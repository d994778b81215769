/**
 * What models of every kind share: affine maps, norms and activation functions; tensors by name,
 * checked as they are loaded; {@code config.json} and the tables of its keys. What only causal
 * models or only encoders have is with them.
 */
package io.sluice.model.parts;
