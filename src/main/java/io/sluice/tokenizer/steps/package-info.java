/**
 * The steps around a tokenizer's model: normalisers change a text, splitters cut it into pieces,
 * and decoders convert tokens back to text. Each step is read from its part of the description; an
 * unknown type is refused with a message that names it. Models belong in {@code model}.
 */
package io.sluice.tokenizer.steps;
