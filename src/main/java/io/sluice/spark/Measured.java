package io.sluice.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.results.StoreSpectra;
import java.io.Serializable;
import scala.Tuple2;

/**
 * What an executor has measured of a hook point.
 *
 * @param hook its number among those that are measured
 * @param json a {@code Spectra.Hook}
 * @param moments what it was measured of; null if they are not asked for
 */
record Measured(int hook, String json, PackedMoments moments) implements Serializable {
  /**
   * Decomposes the covariance of a hook point.
   *
   * @param column the hook point, or a column of another name
   * @param keep whether the result has the moments of the activations, too
   */
  static Measured of(
      StoreSpectra spectra, String column, Tuple2<MomentNode, PackedMoments> root, boolean keep)
      throws JsonProcessingException {
    String json = new ObjectMapper().writeValueAsString(spectra.hook(column, root._2().unpacked()));
    return new Measured(root._1().hook(), json, keep ? root._2().withoutDirections() : null);
  }

  /** The spectrum alone. */
  Measured withoutMoments() {
    return new Measured(hook, json, null);
  }
}
