package io.sluice.browse;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Which features a file holds: some by number ({@code 1,2,3}), those that fire most often ({@code
 * top-density:100}), or a random draw ({@code random:100}).
 */
public final class FeatureSelection {
  /** More features than this would make a page that browsers open slowly. */
  public static final int MOST = 2000;

  private static final Pattern COUNTED = Pattern.compile("(top-density|random):(\\d{1,9})");
  private static final Pattern NUMBERS = Pattern.compile("\\d{1,9}(,\\d{1,9})*");

  private final String text;
  private final int[] numbers; // Null unless they are named.
  private final boolean random;
  private final int count;

  private FeatureSelection(String text, int[] numbers, boolean random, int count) {
    this.text = text;
    this.numbers = numbers;
    this.random = random;
    this.count = count;
  }

  /**
   * Reads a selection.
   *
   * @throws IllegalArgumentException if it is none of the three, or selects no feature or more than
   *     {@link #MOST}
   */
  public static FeatureSelection parse(String text) {
    String given = text.strip();
    Matcher counted = COUNTED.matcher(given);
    FeatureSelection selection;
    if (counted.matches()) {
      boolean random = counted.group(1).equals("random");
      selection = new FeatureSelection(given, null, random, Integer.parseInt(counted.group(2)));
    } else if (NUMBERS.matcher(given).matches()) {
      int[] numbers =
          Arrays.stream(given.split(",")).mapToInt(Integer::parseInt).distinct().toArray();
      selection = new FeatureSelection(given, numbers, false, numbers.length);
    } else {
      throw new IllegalArgumentException(
          "'" + text + "' is not a selection; write 1,2,3 or top-density:100 or random:100");
    }
    if (selection.count < 1 || selection.count > MOST) {
      throw new IllegalArgumentException(
          "'%s' selects %d features; a file holds 1 to %d".formatted(text, selection.count, MOST));
    }
    return selection;
  }

  /**
   * The numbers of the features, in the order of the page.
   *
   * @param density of all features
   * @param seed of the random draw
   * @throws IllegalArgumentException if a number is not below the number of features
   */
  int[] of(float[] density, long seed) {
    if (numbers != null) {
      for (int number : numbers) {
        if (number >= density.length) {
          throw new IllegalArgumentException(
              "there is no feature %d; there are %,d, from 0".formatted(number, density.length));
        }
      }
      return numbers.clone();
    }
    int[] all = IntStream.range(0, density.length).toArray();
    int wanted = Math.min(count, all.length);
    if (!random) {
      return Arrays.stream(all)
          .boxed()
          .sorted(Comparator.comparing((Integer i) -> -density[i]).thenComparing(i -> i))
          .limit(wanted)
          .mapToInt(Integer::intValue)
          .toArray();
    }
    Random draw = new Random(seed);
    for (int i = 0; i < wanted; i++) {
      int other = i + draw.nextInt(all.length - i);
      int kept = all[i];
      all[i] = all[other];
      all[other] = kept;
    }
    int[] drawn = Arrays.copyOf(all, wanted);
    Arrays.sort(drawn);
    return drawn;
  }

  @Override
  public String toString() {
    return text;
  }
}
