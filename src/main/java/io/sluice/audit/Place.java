package io.sluice.audit;

import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;

/**
 * Where a dictionary is attached.
 *
 * @param reads the hook point that its encoder reads
 * @param writes the hook point that its decoder writes; the same for an autoencoder
 */
public record Place(HookPoint reads, HookPoint writes) {
  /** The place of an autoencoder. */
  static Place at(HookPoint point) {
    return new Place(point, point);
  }

  /** The same with the stream before a layer named as the stream after the layer before it. */
  static HookPoint canonical(HookPoint point) {
    return point.kind() == HookKind.RESID_IN && point.layer() > 0
        ? new HookPoint(point.layer() - 1, HookKind.RESID)
        : point;
  }

  /** {@code layers.7.resid}, or {@code layers.7.mlp_in to layers.7.mlp_out}. */
  @Override
  public String toString() {
    return reads.equals(writes) ? reads.toString() : reads + " to " + writes;
  }
}
