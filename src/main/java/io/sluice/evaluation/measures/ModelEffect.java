package io.sluice.evaluation.measures;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * What the reconstruction of an activation changes in a model's predictions, beside what ablation
 * changes. It counts predictions made at replaced positions alone, as SAELens does; {@code
 * docs/glossary.md} has the formulas. Losses and divergences are means in nats.
 *
 * <p>Zero ablation puts 0 in place of the activation at every position, also where the
 * reconstruction replaces nothing; mean ablation puts the mean where the reconstruction replaces.
 *
 * @param predictions predicted tokens that losses are means over
 * @param positions positions that divergences are means over, the last of each context included
 * @param ceLossWithout cross-entropy of the unchanged model
 * @param ceLossWithReconstruction with the reconstruction in place of the activation
 * @param ceLossWithZeroAblation with zeros
 * @param ceLossWithMeanAblation with the mean
 * @param ceLossScore {@code (zero − reconstruction) / (zero − without)}; null if that is no number
 * @param ceLossScoreMean the same against mean ablation
 * @param klWithReconstruction mean of {@code KL(P ‖ Q)} in nats: P of the unchanged model, Q with
 *     the reconstruction
 * @param klWithZeroAblation Q with zeros
 * @param klWithMeanAblation Q with the mean
 * @param klScore {@code (zero − reconstruction) / zero}; null if that is no number
 * @param klScoreMean the same against mean ablation
 * @param byPosition the same at each position; not part of the JSON
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ModelEffect(
    long predictions,
    long positions,
    double ceLossWithout,
    double ceLossWithReconstruction,
    double ceLossWithZeroAblation,
    double ceLossWithMeanAblation,
    Double ceLossScore,
    Double ceLossScoreMean,
    double klWithReconstruction,
    double klWithZeroAblation,
    double klWithMeanAblation,
    Double klScore,
    Double klScoreMean,
    @JsonIgnore PositionMeasures byPosition) {}
