/**
 * Dictionary learning over a batch: encode and select, decode, compute gradients, update
 * parameters.
 *
 * <p>{@link io.sluice.engine.Engine} is the interface that training and evaluation call, and {@link
 * io.sluice.engine.EngineFactory} makes engines by name. {@link io.sluice.engine.CheckedEngine} is
 * the engine of one dictionary: it checks the order of calls and computes what is the same on every
 * device (dead features, penalties, learned thresholds and gates, matching pursuit). The matrix
 * products are computed by one of three implementations, in {@code vector}, {@code torch} and
 * {@code reference}. {@link io.sluice.engine.SkipConnection} and {@link
 * io.sluice.engine.TokenNormalisation} extend an engine; {@link io.sluice.engine.CrossLayerEngine}
 * is built on several.
 *
 * <p>The settings of an engine (shape, penalty, optimiser) are in {@code spec}, activation
 * functions in {@code activation}. Schedules, metrics and files are not here: they belong to {@code
 * training}, {@code evaluation} and {@code dictionary}.
 */
package io.sluice.engine;
