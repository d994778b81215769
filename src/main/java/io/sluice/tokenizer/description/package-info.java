/**
 * Reads the description of a tokenizer: JSON fields, with errors that name the field, and regular
 * expressions, with the meaning that they have in Oniguruma. What the parts of a tokenizer do with
 * a text belongs in the other packages.
 */
package io.sluice.tokenizer.description;
