/**
 * Rotary positions: the frequencies with their scalings to longer contexts, tables of angles, and
 * the settings of {@code config.json} in their many forms. Which layers rotate what belongs in the
 * packages of models.
 */
package io.sluice.model.rotary;
