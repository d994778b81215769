/**
 * Names on the HuggingFace hub on the command line: {@link io.sluice.cli.hub.HubFiles} is where all
 * commands find the models, dictionaries and tokenizers that their options name. How files are
 * fetched belongs to {@code io.sluice.hub}.
 */
package io.sluice.cli.hub;
