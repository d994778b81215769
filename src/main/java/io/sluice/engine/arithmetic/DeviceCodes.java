package io.sluice.engine.arithmetic;

/** The codes of a batch where they were computed; they are copied when the host needs them. */
public interface DeviceCodes {
  /** How many codes there are. */
  int entries();

  /** {@link Codes#leastScore} of the codes. */
  float leastScore();

  /** Copies all to host memory. */
  void copyTo(Codes codes);
}
