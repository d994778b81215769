package io.sluice.cli.options;

import io.sluice.engine.MachineMemory;
import java.util.Locale;
import java.util.OptionalLong;

/** Sizes in bytes with a suffix: {@code 8G}, {@code 500M}. */
public final class ByteSize {
  private ByteSize() {}

  /**
   * Reads a size.
   *
   * @throws IllegalArgumentException if it is none
   */
  public static long parse(String text) {
    String size = text.strip().toUpperCase(Locale.ROOT);
    if (!size.matches("\\d{1,9}(\\.\\d{1,6})?[KMGT]")) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a size; give a number and K, M, G or T, for instance 8G");
    }
    int power = 1 + "KMGT".indexOf(size.charAt(size.length() - 1));
    return (long) (Double.parseDouble(size.substring(0, size.length() - 1)) * Math.pow(1e3, power));
  }

  /** Half of the memory that this machine, or this container, has. */
  public static long halfOfTheMachine() {
    OptionalLong known = MachineMemory.known();
    return known.isPresent() ? known.getAsLong() / 2 : Runtime.getRuntime().maxMemory();
  }
}
