package io.sluice.geometry;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/**
 * Means and covariances of hook points, kept in a safetensors file for later use.
 *
 * <p>For each hook point it holds {@code <hook>.mean} {@code [d]} and {@code <hook>.covariance}
 * {@code [d, d]}, both float64. The header's metadata holds {@code <hook>.count}, {@code format} =
 * {@value #FORMAT}, {@code model} and {@code text}.
 *
 * @param model name of the model
 * @param text name of the text
 * @param covariances by hook point, in order
 */
public record StatisticsFile(String model, String text, Map<String, Covariance> covariances) {
  /** The value of the metadata entry {@code format}. */
  public static final String FORMAT = "sluice.statistics/1";

  private static final String MEAN = StatisticsWriter.MEAN;
  private static final String COVARIANCE = StatisticsWriter.COVARIANCE;
  private static final String COUNT = StatisticsWriter.COUNT;

  /** An upper bound for variances of float32 activations; larger values overflow when squared. */
  private static final double LARGEST = 1e80;

  /** The largest width whose matrix fits one Java array. */
  private static final int WIDEST = 46_340;

  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Copies the map. */
  public StatisticsFile {
    covariances = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(covariances));
  }

  /**
   * The covariance of a hook point.
   *
   * @throws NoSuchElementException if there is none; the message lists those there are
   */
  public Covariance covariance(String hook) {
    Covariance found = covariances.get(hook);
    if (found == null) {
      throw new NoSuchElementException(
          "no statistics of '" + hook + "'; there are those of " + covariances.keySet());
    }
    return found;
  }

  /**
   * Writes the file, atomically.
   *
   * @throws IOException if writing fails; a previous file at {@code path} is then unchanged
   */
  public void write(Path path) throws IOException {
    List<StatisticsWriter.Entry> entries = new ArrayList<>();
    covariances.forEach(
        (hook, covariance) ->
            entries.add(new StatisticsWriter.Entry(hook, covariance.width(), covariance.count())));
    try (StatisticsWriter file = StatisticsWriter.create(path, model, text, entries)) {
      for (Map.Entry<String, Covariance> each : covariances.entrySet()) {
        file.append(each.getKey(), each.getValue());
      }
      file.commit();
    }
  }

  /**
   * Reads a file.
   *
   * @throws IOException if it is missing, damaged, or not a statistics file
   */
  public static StatisticsFile read(Path path) throws IOException {
    Safetensors file = Safetensors.open(path);
    Map<String, String> metadata = file.metadata();
    if (!FORMAT.equals(metadata.get("format"))) {
      throw bad(
          path,
          "its format is "
              + (metadata.get("format") == null ? "missing" : Quoted.of(metadata.get("format")))
              + ", not '"
              + FORMAT
              + "'");
    }
    Map<String, Covariance> covariances = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : metadata.entrySet()) {
      if (entry.getKey().endsWith(COUNT)) {
        String hook = entry.getKey().substring(0, entry.getKey().length() - COUNT.length());
        covariances.put(hook, covariance(path, file, hook, entry.getValue()));
      }
    }
    if (covariances.isEmpty()) {
      throw bad(path, "it has no statistics of any hook point");
    }
    return new StatisticsFile(
        metadata.getOrDefault("model", ""), metadata.getOrDefault("text", ""), covariances);
  }

  private static Covariance covariance(Path path, Safetensors file, String hook, String count)
      throws IOException {
    for (String name : List.of(hook + MEAN, hook + COVARIANCE)) {
      if (!file.contains(name) || file.dtype(name) != DType.F64) {
        throw bad(path, "it has no float64 tensor '" + name + "'");
      }
    }
    long[] mean = file.shape(hook + MEAN);
    long[] matrix = file.shape(hook + COVARIANCE);
    if (mean.length != 1
        || matrix.length != 2
        || matrix[0] != mean[0]
        || matrix[1] != mean[0]
        || mean[0] < 1
        || mean[0] > WIDEST) {
      throw bad(path, "the shapes of '" + hook + "' are not [d] and [d, d]");
    }
    if (!count.matches("[0-9]{1,18}")) {
      throw bad(path, "'" + hook + COUNT + "' is " + Quoted.of(count) + ", not a number of rows");
    }
    double[] means = doubles(file, hook + MEAN);
    double[] values = doubles(file, hook + COVARIANCE);
    requireCovariance(path, hook, means, values);
    return Covariance.owning(Long.parseLong(count), means, values);
  }

  /**
   * Checks that values are finite, the matrix is symmetric, and entries satisfy the Cauchy–Schwarz
   * bound of the variances.
   */
  private static void requireCovariance(Path path, String hook, double[] mean, double[] matrix)
      throws IOException {
    int d = mean.length;
    double largest = 0;
    for (int i = 0; i < d; i++) {
      largest = Math.max(largest, matrix[i * d + i]);
    }
    // The rounding error that float32 sums leave for a constant column.
    double least = 1e-6 * largest;
    for (int i = 0; i < d; i++) {
      double variance = matrix[i * d + i];
      if (!Double.isFinite(mean[i]) || !(variance >= -least && variance <= LARGEST)) {
        throw bad(
            path,
            "mean %d of '%s' is %s and its variance %s".formatted(i, hook, mean[i], variance));
      }
    }
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < i; j++) {
        double here = matrix[i * d + j];
        double bound =
            Math.sqrt(Math.max(0, matrix[i * d + i])) * Math.sqrt(Math.max(0, matrix[j * d + j]));
        double slack = 1e-3 * bound + least;
        if (!(Math.abs(here) <= bound + slack) || !(Math.abs(here - matrix[j * d + i]) <= slack)) {
          throw bad(
              path,
              "'%s' is not a covariance: (%d, %d) is %s and (%d, %d) is %s, with variances %s and %s"
                  .formatted(
                      hook,
                      i,
                      j,
                      here,
                      j,
                      i,
                      matrix[j * d + i],
                      matrix[i * d + i],
                      matrix[j * d + j]));
        }
      }
    }
  }

  private static double[] doubles(Safetensors file, String name) {
    MemorySegment data = file.data(name);
    double[] values = new double[Math.toIntExact(data.byteSize() / 8)];
    MemorySegment.copy(data, DOUBLE, 0, values, 0, values.length);
    return values;
  }

  private static IOException bad(Path path, String what) {
    return new IOException(
        path
            + " is not a Sluice statistics file: "
            + what
            + "; write one with 'sluice spectrum --stats'");
  }
}
