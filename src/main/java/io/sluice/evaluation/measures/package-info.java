/**
 * The measures that the field reports beside FVU and dead features: sums over tokens and, for each
 * of them, over the tokens of each position; how often each feature fires; and what a replaced
 * activation changes in a model's predictions. {@code io.sluice.evaluation} reads stores, runs
 * models and hands batches to these sums; nothing here does.
 */
package io.sluice.evaluation.measures;
