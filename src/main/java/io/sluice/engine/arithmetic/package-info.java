/**
 * The interface of an engine's arithmetic, and what its three implementations share: the codes of a
 * batch, the codes grouped by feature, nested prefixes, thresholds, penalties and matching pursuit
 * on codes that stay on a device, norms per site, firing clocks, the names of state tensors and the
 * selection rule of matching pursuit. The implementations are in {@code vector}, {@code torch} and
 * {@code reference}. The order of the calls is checked in {@code engine}.
 */
package io.sluice.engine.arithmetic;
