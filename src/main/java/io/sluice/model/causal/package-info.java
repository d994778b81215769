/**
 * Causal language models of any architecture: what they are made of (attention, MLP, layers, rotary
 * positions), how they run, and what their configurations share in {@code config.json} and in GGUF
 * files. {@link io.sluice.model.causal.Architecture} is what an architecture has to say of itself;
 * those that there are stand in {@code model.architectures}.
 */
package io.sluice.model.causal;
