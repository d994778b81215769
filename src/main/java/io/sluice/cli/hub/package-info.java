/**
 * Names on the HuggingFace hub on the command line: {@link io.sluice.cli.hub.HubFiles} is where all
 * commands find the models, dictionaries and tokenizers that their options name, and {@link
 * io.sluice.cli.hub.TokenizerOption} is the option of the last. How files are fetched belongs to
 * {@code io.sluice.hub}.
 */
package io.sluice.cli.hub;
