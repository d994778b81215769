/**
 * Files of the HuggingFace hub: names such as {@code HuggingFaceTB/SmolLM2-135M@main}, the cache
 * that Python's {@code huggingface_hub} uses too, and fetching what it lacks. {@link
 * io.sluice.hub.Hub} is the entry. It belongs here what names, addresses, redirects, tokens,
 * checksums and the layout of the cache are. Which files make a model or a dictionary does not
 * ({@link io.sluice.hub.FileChoice}): their packages say it. Nothing is uploaded.
 */
package io.sluice.hub;
