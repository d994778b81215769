/**
 * The interfaces of a transformer for its users: {@link io.sluice.model.Transformer} runs batches
 * of tokens, {@link io.sluice.model.LanguageModel} predicts the next ones, {@link
 * io.sluice.model.Hooks} observe or replace activations at {@link io.sluice.model.HookPoint}s while
 * it runs. {@link io.sluice.model.loading.LoadedModel} opens one from its files.
 *
 * <p>The types that all packages below share belong here. Architectures, files and tokens are in
 * the packages below.
 */
package io.sluice.model;
