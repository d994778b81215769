/**
 * One column of texts in Arrow's streams and files, as HuggingFace's {@code datasets} and pyarrow
 * write them, read row by row from untrusted files. Stores of activations have their own reader.
 */
package io.sluice.text.arrow;
