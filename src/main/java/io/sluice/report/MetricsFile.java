package io.sluice.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MappingIterator;
import io.sluice.files.StrictJson;
import io.sluice.report.TrainingRun.Metric;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code metrics.jsonl}, however long, into a curve of bounded length. */
final class MetricsFile {
  /** The most points that a curve keeps; more cannot be told apart on a screen. */
  static final int MOST = 1200;

  private final List<Metric> kept = new ArrayList<>();
  private Metric last;
  private int stride = 1;
  private int skipped;

  private MetricsFile() {}

  /**
   * The metrics of {@code file} in order of steps. A run that was killed and resumed logs some
   * steps twice; the later line counts. A last line that was cut off is left out, as a run that is
   * still going on, or was killed, leaves one.
   */
  static List<Metric> read(Path file) throws IOException {
    JsonFile.checkReadable(file, "delete it to leave the curves out");
    MetricsFile curve = new MetricsFile();
    try (InputStream in = Files.newInputStream(file);
        MappingIterator<Metric> lines = JsonFile.MAPPER.readerFor(Metric.class).readValues(in)) {
      while (lines.hasNextValue()) {
        curve.add(lines.nextValue());
      }
    } catch (JsonProcessingException e) {
      if (!StrictJson.endsEarly(e) || curve.kept.isEmpty()) {
        throw damaged(file, e);
      }
    }
    return curve.finish();
  }

  private static IOException damaged(Path file, JsonProcessingException e) {
    return new IOException(
        file + ": " + JsonFile.damage(e) + "; delete that line, or the file to leave curves out",
        e);
  }

  private void add(Metric metric) {
    while (!kept.isEmpty() && kept.getLast().step() >= metric.step()) {
      kept.removeLast();
    }
    last = metric;
    if (++skipped < stride && !kept.isEmpty()) {
      return;
    }
    skipped = 0;
    kept.add(metric);
    if (kept.size() == MOST) {
      halve();
    }
  }

  private void halve() {
    for (int i = 0; i < MOST / 2; i++) {
      kept.set(i, kept.get(2 * i));
    }
    kept.subList(MOST / 2, MOST).clear();
    stride *= 2;
  }

  private List<Metric> finish() {
    if (last != null && kept.getLast() != last) {
      kept.add(last);
    }
    return List.copyOf(kept);
  }
}
