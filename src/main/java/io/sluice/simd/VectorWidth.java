package io.sluice.simd;

import java.lang.invoke.MethodHandles;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** What the Vector API offers; a class of its own, so that it loads only where the module is. */
public final class VectorWidth {
  private VectorWidth() {}

  /** Bits of the widest vectors that the processor has. */
  public static int preferredBits() {
    return FloatVector.SPECIES_PREFERRED.vectorBitSize();
  }

  /** The species of float vectors of {@code bits} bits. */
  public static VectorSpecies<Float> speciesOfBits(int bits) {
    return VectorSpecies.of(float.class, VectorShape.forBitSize(bits));
  }

  /** The class data of a class that was defined for one width; else the preferred species. */
  @SuppressWarnings("unchecked")
  public static VectorSpecies<Float> speciesOf(MethodHandles.Lookup owner) {
    try {
      VectorSpecies<Float> given = MethodHandles.classData(owner, "_", VectorSpecies.class);
      return given == null ? FloatVector.SPECIES_PREFERRED : given;
    } catch (IllegalAccessException e) {
      throw new ExceptionInInitializerError(e);
    }
  }
}
