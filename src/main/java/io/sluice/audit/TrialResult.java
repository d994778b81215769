package io.sluice.audit;

/**
 * What a trial gave on the tokens of the search.
 *
 * @param trial how the dictionary was attached
 * @param fvu fraction of variance unexplained, in the units of the activations
 * @param l0 mean number of features that fire on a token
 * @param fired share of the features that fired on one of the tokens
 */
public record TrialResult(Trial trial, double fvu, double l0, double fired) {}
