package io.sluice.geometry;

import io.sluice.memory.DType;
import io.sluice.weights.SafetensorsWriter;
import io.sluice.weights.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a {@link StatisticsFile} whose covariances are not in memory together: they come one after
 * the other, in any order. The file has the same bytes in each case.
 */
public final class StatisticsWriter implements AutoCloseable {
  static final String MEAN = ".mean";
  static final String COVARIANCE = ".covariance";
  static final String COUNT = ".count";

  private final SafetensorsWriter file;

  /**
   * What is known of a hook point before its covariance comes.
   *
   * @param hook its name
   * @param width values per row, {@code d}
   * @param count number of rows
   */
  public record Entry(String hook, int width, long count) {}

  private StatisticsWriter(SafetensorsWriter file) {
    this.file = file;
  }

  /**
   * Begins a file.
   *
   * @param model name of the model
   * @param text name of the text
   * @param hooks all hook points, in the order of the file
   * @throws IOException if the file cannot be created
   */
  public static StatisticsWriter create(Path path, String model, String text, List<Entry> hooks)
      throws IOException {
    List<TensorInfo> tensors = new ArrayList<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", StatisticsFile.FORMAT);
    metadata.put("model", model);
    metadata.put("text", text);
    for (Entry each : hooks) {
      int d = each.width();
      tensors.add(new TensorInfo(each.hook() + MEAN, DType.F64, new long[] {d}));
      tensors.add(new TensorInfo(each.hook() + COVARIANCE, DType.F64, new long[] {d, d}));
      metadata.put(each.hook() + COUNT, Long.toString(each.count()));
    }
    return new StatisticsWriter(SafetensorsWriter.create(path, tensors, metadata));
  }

  /**
   * Writes the covariance of a hook point.
   *
   * @throws IllegalArgumentException if the file was not begun with this hook point, or has its
   *     covariance already
   * @throws IOException if writing fails
   */
  public void append(String hook, Covariance covariance) throws IOException {
    file.append(hook + MEAN, MemorySegment.ofArray(covariance.meanInPlace()));
    file.append(hook + COVARIANCE, MemorySegment.ofArray(covariance.matrixInPlace()));
  }

  /**
   * Puts the file into its place.
   *
   * @throws IllegalStateException if a covariance is missing
   * @throws IOException if that fails; a previous file is then unchanged
   */
  public void commit() throws IOException {
    file.commit();
  }

  /** Deletes the file if it is not committed. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}
