/**
 * Causal language models of any architecture: their parts (attention, MLP or mixture of experts,
 * layers), how they run, and the settings they share in {@code config.json} and in GGUF files.
 * {@link io.sluice.model.causal.Architecture} is the interface of an architecture. Code for a
 * single architecture belongs in {@code model.architectures}, rotary positions in {@code
 * model.rotary}.
 */
package io.sluice.model.causal;
