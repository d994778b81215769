package io.sluice.training.start;

import io.sluice.dictionary.SiteScaling;
import java.util.List;

/**
 * The results of a sample of the activations before the first step.
 *
 * @param scale the factor of activations of the run's hook point, with which their mean norm is
 *     {@code sqrt(d)}; 1 without normalisation
 * @param variance mean squared distance of the target from its mean, per token, after scaling
 * @param subspaceDimensions d_init of active-subspace initialisation, 0 without it
 * @param commonNorm length that all rows got by the norm search
 * @param sampleRows rows that this was estimated from
 * @param trainedDimensions width of the input of the engine in whitened or constrained training; 0
 *     otherwise
 * @param inputs scales and shifts of the sites that the dictionary reads
 * @param outputs scales and shifts of the sites that it writes
 */
public record StartingPoint(
    double scale,
    double variance,
    int subspaceDimensions,
    double commonNorm,
    long sampleRows,
    int trainedDimensions,
    List<SiteScaling> inputs,
    List<SiteScaling> outputs) {

  public StartingPoint {
    // Checkpoints of before there were other kinds than autoencoders have neither.
    inputs = inputs == null ? List.of() : List.copyOf(inputs);
    outputs = outputs == null ? List.of() : List.copyOf(outputs);
  }

  /**
   * This starting point, with {@code inputs} and {@code outputs} made from the scale if a
   * checkpoint of an autoencoder has none.
   */
  public StartingPoint ofAutoencoder(String hook) {
    List<SiteScaling> same = List.of(new SiteScaling(hook, scale, List.of()));
    return inputs.isEmpty()
        ? new StartingPoint(
            scale,
            variance,
            subspaceDimensions,
            commonNorm,
            sampleRows,
            trainedDimensions,
            same,
            same)
        : this;
  }

  /**
   * The part of a cross-layer transcoder's starting point for one layer: its input, and the outputs
   * that it writes.
   */
  public StartingPoint ofLayer(int layer) {
    return new StartingPoint(
        scale,
        variance,
        subspaceDimensions,
        commonNorm,
        sampleRows,
        trainedDimensions,
        List.of(inputs.get(layer)),
        outputs.subList(layer, outputs.size()));
  }
}
