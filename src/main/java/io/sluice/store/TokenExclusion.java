package io.sluice.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which tokens are left out of statistics, training and evaluation, whatever their position. A
 * store has their rows, and its manifest the rule, by which everything reads it.
 *
 * @param tokenIds tokens with these ids are left out, as with SAELens's {@code
 *     exclude_special_tokens}
 * @param maxNormMultiple a token is left out at a hook point if its norm there exceeds so many
 *     times the median norm there; infinity if the norm does not matter
 */
public record TokenExclusion(Set<Integer> tokenIds, double maxNormMultiple) {
  /** Nothing is left out. */
  public static final TokenExclusion NONE = new TokenExclusion(Set.of(), Double.POSITIVE_INFINITY);

  /** The property of a manifest with the ids, separated by commas. */
  public static final String IDS = "excludedTokenIds";

  /** The property of a manifest with the multiple of the median norm. */
  public static final String MULTIPLE = "maxNormMultiple";

  private static final Pattern NUMBERS = Pattern.compile("\\d{1,9}(,\\d{1,9})*");

  /**
   * Checks the parts and copies the set.
   *
   * @throws IllegalArgumentException if an id is negative, or the multiple is not above 1
   */
  public TokenExclusion {
    tokenIds = Set.copyOf(tokenIds);
    if (tokenIds.stream().anyMatch(id -> id < 0)) {
      throw new IllegalArgumentException("token ids must not be negative: " + tokenIds);
    }
    if (!(maxNormMultiple > 1)) {
      throw new IllegalArgumentException(
          "the largest norm must be more than 1 times the median, not " + maxNormMultiple);
    }
  }

  /**
   * The rule of a manifest.
   *
   * @param properties its properties
   * @param file the manifest, for the message
   * @throws IOException if the rule makes no sense
   */
  static TokenExclusion of(Map<String, String> properties, Path file) throws IOException {
    String ids = properties.getOrDefault(IDS, "");
    String multiple = properties.get(MULTIPLE);
    try {
      if (!ids.isEmpty() && !NUMBERS.matcher(ids).matches()) {
        throw new IllegalArgumentException(IDS + " is '" + ids + "'");
      }
      Set<Integer> numbers =
          ids.isEmpty()
              ? Set.of()
              : Arrays.stream(ids.split(",")).map(Integer::valueOf).collect(Collectors.toSet());
      return new TokenExclusion(
          numbers, multiple == null ? Double.POSITIVE_INFINITY : Double.parseDouble(multiple));
    } catch (IllegalArgumentException e) {
      throw new IOException(
          file
              + ": does not say which tokens are left out ("
              + e.getMessage()
              + "); correct "
              + IDS
              + " (numbers with commas between) or "
              + MULTIPLE
              + " (a number above 1)",
          e);
    }
  }

  /** What a manifest says of it; empty if nothing is left out. */
  public Map<String, String> properties() {
    Map<String, String> properties = new LinkedHashMap<>();
    if (!tokenIds.isEmpty()) {
      properties.put(
          IDS,
          new TreeSet<>(tokenIds).stream().map(String::valueOf).collect(Collectors.joining(",")));
    }
    if (limitsNorms()) {
      properties.put(MULTIPLE, Double.toString(maxNormMultiple));
    }
    return properties;
  }

  /** Whether nothing is left out. */
  public boolean isEmpty() {
    return tokenIds.isEmpty() && !limitsNorms();
  }

  /** Whether tokens are left out by their norms. */
  public boolean limitsNorms() {
    return maxNormMultiple < Double.POSITIVE_INFINITY;
  }

  /** The rule in words, to be read after "tokens are left out". */
  @Override
  public String toString() {
    return isEmpty() ? "none" : properties().toString();
  }

  /**
   * The median of norms: the middle one, or the mean of the two in the middle.
   *
   * @param norms at least one; they are sorted
   */
  public static double median(double[] norms) {
    Arrays.sort(norms);
    int middle = norms.length / 2;
    return norms.length % 2 == 1 ? norms[middle] : (norms[middle - 1] + norms[middle]) / 2;
  }
}
