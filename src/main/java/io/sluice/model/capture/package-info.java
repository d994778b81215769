/**
 * Runs texts through a model: cuts them into contexts, batches them, runs them, and stores the
 * activations or passes them to a consumer. It also generates text. Models do not belong here, nor
 * does the format of stores ({@code io.sluice.store}).
 */
package io.sluice.model.capture;
