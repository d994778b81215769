/**
 * The steps around a tokenizer's model: normalisers change a text, splitters cut it into pieces,
 * decoders make text of tokens again. Each step is read from its part of the description, and a
 * type that is not known is refused by name.
 */
package io.sluice.tokenizer.steps;
