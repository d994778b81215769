package io.sluice.spark;

import java.io.Serializable;

/**
 * What an executor has measured of a hook point.
 *
 * @param hook its number among the columns that are measured
 * @param json a {@code Spectra.Hook}
 * @param moments what it was measured of; null if they are not asked for
 */
record Measured(int hook, String json, PackedMoments moments) implements Serializable {}
