/**
 * What every engine's arithmetic must do, and what all three share: codes of a batch, their groups
 * by feature, nested prefixes, norms per site, firing clocks, names of the state and the rule of
 * matching pursuit. How it is computed is in {@code vector}, {@code torch} and {@code reference};
 * in which order it is called is in {@code engine}.
 */
package io.sluice.engine.arithmetic;
