/** What a trained dictionary is worth: measures over a whole store. */
package io.sluice.evaluation;
