/** What a low-rank sparse attention does on a store, and in the place of the model's attention. */
package io.sluice.lorsa.evaluation;
