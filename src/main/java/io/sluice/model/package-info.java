/**
 * What a transformer is to those who use one: {@link io.sluice.model.Transformer} runs batches of
 * tokens, {@link io.sluice.model.LanguageModel} predicts the next ones, {@link
 * io.sluice.model.Hooks} observe or replace activations at {@link io.sluice.model.HookPoint}s while
 * it runs. {@link io.sluice.model.loading.LoadedModel} opens one from its files.
 *
 * <p>Here are the terms that all packages below share. How an architecture computes, how files are
 * read and how texts become tokens is in the packages below.
 */
package io.sluice.model;
