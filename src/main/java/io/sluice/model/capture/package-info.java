/**
 * Texts on their way through a model: cut into contexts, read in batches, run, and stored or handed
 * to a consumer; and text that a model continues. Models themselves and the format of stores are
 * elsewhere.
 */
package io.sluice.model.capture;
