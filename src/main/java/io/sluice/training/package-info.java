/**
 * Training dictionaries: the step, written once over {@link io.sluice.engine.Engine}, its
 * schedules, and a run folder that survives being killed at any moment.
 */
package io.sluice.training;
