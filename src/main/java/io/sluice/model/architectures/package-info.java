/**
 * One class for each architecture of causal language models, with everything specific to it: its
 * name, the keys of its configuration and the names of its tensors, both in HuggingFace's files and
 * in GGUF files, and the arrangement of its layers. {@link
 * io.sluice.model.architectures.Architectures} lists them.
 *
 * <p>What several architectures share belongs in {@code model.causal}, which depends on none of
 * them. {@code docs/extending.md} explains how to add one.
 */
package io.sluice.model.architectures;
