package io.sluice.evaluation.measures;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * How near reconstructions {@code x̂} are to the activations {@code x} of tokens, as other
 * libraries say it, and how large codes are. Means are over tokens; the formulas are those of
 * SAELens's evals, and {@code docs/glossary.md} has them.
 *
 * @param mse mean of {@code ‖x − x̂‖²}
 * @param explainedVarianceLegacy mean of {@code 1 − ‖x − x̂‖² / ‖x − mean(x)‖²}; tokens at the mean
 *     are left out; null if all are
 * @param cosineSimilarity mean cosine of x and x̂; 0 where one of them is 0
 * @param l1 mean of {@code Σ |f_j|} over the codes of a token
 * @param l2NormIn mean of {@code ‖x‖}
 * @param l2NormOut mean of {@code ‖x̂‖}
 * @param l2Ratio mean of {@code ‖x̂‖ / ‖x‖}; of {@code ‖x̂‖} where {@code ‖x‖} is below 1e-4
 * @param relativeReconstructionBias mean of {@code ‖x̂‖²} over mean of {@code ⟨x, x̂⟩}; null if the
 *     latter is 0
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TokenMeasures(
    double mse,
    Double explainedVarianceLegacy,
    double cosineSimilarity,
    double l1,
    double l2NormIn,
    double l2NormOut,
    double l2Ratio,
    Double relativeReconstructionBias) {}
