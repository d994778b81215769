/**
 * What all models share: affine maps, norms and activation functions; loading tensors by name, with
 * checks of shape and type; {@code config.json} and the tables of its keys. Parts that only causal
 * models or only encoders have belong in {@code model.causal} and {@code model.bert}.
 */
package io.sluice.model.parts;
