/**
 * How a tokenizer's description is read: fields of JSON with errors that name them, and patterns
 * with their meaning in Oniguruma. What the parts do with a text stands in the other packages.
 */
package io.sluice.tokenizer.description;
