/**
 * The coarse operations of dictionary learning over a batch, and the engines that carry them out.
 *
 * <p>{@link io.sluice.engine.Engine} is the one interface: encode and select, decode and residual,
 * accumulate gradients, update rows. {@link io.sluice.engine.ReferenceEngine} is its specification
 * in plain scalar Java. The same contract test runs against every engine. What some dictionaries do
 * beside that, a skip connection or a norm of each token, is put around any of them.
 */
package io.sluice.engine;
