package io.sluice.audit;

/**
 * One way to attach a dictionary to its model.
 *
 * @param place where
 * @param beginning whether contexts begin with the beginning-of-text token
 * @param normalisation what is done to activations before the dictionary reads them
 * @param otherBias whether the decoder bias is subtracted from what it reads although its
 *     configuration does not say so, or not subtracted although it does
 */
public record Trial(
    Place place, boolean beginning, Normalisation normalisation, boolean otherBias) {}
