package io.sluice.tokenizer.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;

/**
 * Numbers as the {@code tokenizers} package reads them: digits as a whole number, divided by a
 * power of ten, which rounds twice. Two segmentations of a word may have scores that differ only in
 * the last bit.
 */
final class Score {
  private static final BigInteger LARGEST = BigInteger.TWO.pow(64).subtract(BigInteger.ONE);
  private static final int LARGEST_POWER = 308;

  private Score() {}

  /** The value of a number; exact digits are there if the JSON was read with decimals. */
  static double of(JsonNode number) {
    if (!number.isBigDecimal()) {
      return number.doubleValue();
    }
    BigDecimal decimal = number.decimalValue();
    BigInteger digits = decimal.unscaledValue().abs();
    long exponent = -(long) decimal.scale();
    while (digits.compareTo(LARGEST) > 0) {
      digits = digits.divide(BigInteger.TEN);
      exponent++;
    }
    double value = digits.doubleValue();
    for (; value != 0 && exponent < -LARGEST_POWER; exponent += LARGEST_POWER) {
      value /= 1e308;
    }
    if (value != 0) {
      double power = Double.parseDouble("1e" + Math.abs(exponent));
      value = exponent < 0 ? value / power : value * power;
    }
    return decimal.signum() < 0 ? -value : value;
  }
}
