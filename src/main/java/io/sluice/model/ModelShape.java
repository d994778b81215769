package io.sluice.model;

/**
 * The sizes of a transformer that its users need to know.
 *
 * @param architecture the family, as {@code model_type} names it, for instance {@code bert}
 * @param layers number of layers
 * @param dModel width of the residual stream
 * @param heads attention heads per layer
 * @param headDim width of one head's output
 * @param dMlp width of the MLP's hidden layer
 * @param vocabulary number of token ids
 * @param maxContext the most tokens in one context, special tokens included
 */
public record ModelShape(
    String architecture,
    int layers,
    int dModel,
    int heads,
    int headDim,
    int dMlp,
    int vocabulary,
    int maxContext) {}
