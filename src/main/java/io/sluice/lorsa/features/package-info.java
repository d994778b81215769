/**
 * Features of a Lorsa: its heads as {@code io.sluice.features} gathers them ({@link
 * io.sluice.lorsa.features.GatheredLorsa}), the heads of the model and source positions that they
 * come from ({@link io.sluice.lorsa.features.LorsaSourcePass}), and those that fire on a text.
 *
 * <p>What is the same for all owners of features belongs in {@code io.sluice.features}; arithmetic
 * belongs in {@code io.sluice.lorsa.engine}.
 */
package io.sluice.lorsa.features;
