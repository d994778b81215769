package io.sluice.simd;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** What the Vector API offers; a class of its own, so that it loads only where the module is. */
final class VectorWidth {
  private VectorWidth() {}

  static int preferredBits() {
    return FloatVector.SPECIES_PREFERRED.vectorBitSize();
  }

  static VectorSpecies<Float> speciesOfBits(int bits) {
    return VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
  }
}
