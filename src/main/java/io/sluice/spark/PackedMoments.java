package io.sluice.spark;

import io.sluice.geometry.TokenMoments;
import java.io.Serializable;

/**
 * {@link TokenMoments} on their way between processes.
 *
 * @param tokens of the activations
 * @param directions of the activations at length 1; null where they were not asked for
 */
record PackedMoments(PackedCovariance tokens, PackedCovariance directions) implements Serializable {
  static PackedMoments of(TokenMoments moments) {
    return new PackedMoments(
        PackedCovariance.of(moments.tokens()),
        moments.directions() == null ? null : PackedCovariance.of(moments.directions()));
  }

  TokenMoments unpacked() {
    return new TokenMoments(tokens.unpacked(), directions == null ? null : directions.unpacked());
  }

  /** The moments of the activations alone. */
  PackedMoments withoutDirections() {
    return new PackedMoments(tokens, null);
  }
}
