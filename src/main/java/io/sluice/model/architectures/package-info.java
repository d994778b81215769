/**
 * One class for each architecture of causal language models, with all that is special about it: its
 * name, the keys of its configuration and the names of its tensors, both in HuggingFace's files and
 * in GGUF files, and the arrangement of its layers. {@link
 * io.sluice.model.architectures.Architectures} lists them.
 *
 * <p>What several architectures do alike belongs in {@code model.causal}, which names none of them.
 * {@code docs/extending.md} says how to add one.
 */
package io.sluice.model.architectures;
