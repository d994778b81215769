/**
 * Dictionary learning over a batch: encode and select, decode, form gradients, move parameters.
 *
 * <p>{@link io.sluice.engine.Engine} is the interface that training and evaluation call, and {@link
 * io.sluice.engine.EngineFactory} makes engines by name. {@link io.sluice.engine.CheckedEngine} is
 * the engine of one dictionary: it checks the order of calls and does what is the same on every
 * device (dead features, penalties, learned thresholds and gates, matching pursuit). The products
 * are done by one of three arithmetics, in {@code vector}, {@code torch} and {@code reference}.
 * {@link io.sluice.engine.SkipEngine}, {@link io.sluice.engine.NormEngine} and {@link
 * io.sluice.engine.CrossLayerEngine} are made of other engines.
 *
 * <p>What an engine is told (shape, penalty, optimiser) is in {@code spec}, and which features stay
 * in a code in {@code activation}. Schedules, metrics and files are not here: they belong to {@code
 * training}, {@code evaluation} and {@code dictionary}.
 */
package io.sluice.engine;
