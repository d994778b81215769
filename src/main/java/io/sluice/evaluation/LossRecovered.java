package io.sluice.evaluation;

/**
 * How much of a model's next-token loss a reconstruction keeps.
 *
 * @param text name of the text
 * @param tokens tokens that were predicted
 * @param cleanLoss {@code L}, nats per token, of the model as it is
 * @param ablatedLoss {@code L₀}, with the mean in the activation's place
 * @param loss {@code L_r}, with the reconstruction in its place
 * @param recovered {@code (L₀ − L_r) / (L₀ − L)}
 */
public record LossRecovered(
    String text,
    long tokens,
    double cleanLoss,
    double ablatedLoss,
    double loss,
    double recovered) {}
