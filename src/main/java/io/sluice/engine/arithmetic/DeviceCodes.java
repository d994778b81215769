package io.sluice.engine.arithmetic;

/**
 * The codes of a batch on the device that computed them. They are copied to host memory only when
 * it needs them.
 */
public interface DeviceCodes {
  /** The number of codes. */
  int entries();

  /** {@link Codes#leastScore} of the codes. */
  float leastScore();

  /** Copies all codes to host memory. */
  void copyTo(Codes codes);
}
