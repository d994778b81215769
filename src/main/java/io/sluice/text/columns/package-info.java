/** What readers of one column of texts have in common, whatever the format of the file. */
package io.sluice.text.columns;
