package io.sluice.evaluation.measures;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Sums over the tokens of a block, to be added to those of other blocks, number by number.
 *
 * @param numbers the sums; where those of a block end before others, zeros follow
 */
public record SumPart(double[] numbers) implements Serializable {
  /**
   * The sums over these blocks and the next one.
   *
   * @param next of the block after these
   */
  public SumPart then(SumPart next) {
    double[] sums = Arrays.copyOf(numbers, Math.max(numbers.length, next.numbers.length));
    for (int i = 0; i < next.numbers.length; i++) {
      sums[i] += next.numbers[i];
    }
    return new SumPart(sums);
  }

  /** These sums in parts of {@code size} numbers; the last one may have fewer. */
  public List<SumPart> parts(int size) {
    List<SumPart> parts = new ArrayList<>();
    for (int from = 0; from < numbers.length; from += size) {
      int to = Math.min(numbers.length, from + size);
      parts.add(new SumPart(Arrays.copyOfRange(numbers, from, to)));
    }
    return parts;
  }

  /** The sums of which these are the parts. */
  public static SumPart joined(List<SumPart> parts) {
    return new SumPart(
        parts.stream().flatMapToDouble(part -> Arrays.stream(part.numbers)).toArray());
  }
}
