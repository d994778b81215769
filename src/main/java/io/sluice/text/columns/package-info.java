/**
 * What readers of one column of texts or of lists of token ids have in common, whatever the format
 * of the file.
 */
package io.sluice.text.columns;
